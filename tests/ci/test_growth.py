"""The measure of growth: what is too steep, and what it builds."""

from __future__ import annotations

import pytest

from scripts.measure.growth import CHANGED, FUNCTIONS, STEEPEST, package, steepness

SIZES = (5_000, 10_000, 25_000, 50_000, 100_000, 200_000)


@pytest.mark.parametrize(("power", "steep"), [(0.8, False), (1.0, False), (1.2, True), (2.0, True)])
@pytest.mark.parametrize("fixed", [0.0, 3.0])
def test_what_grows_faster_than_the_program_is_steep(power: float, steep: bool, fixed: float) -> None:
    found = steepness(SIZES, [fixed + (size / 25_000) ** power for size in SIZES])
    assert (found > STEEPEST) is steep
    assert power != 1 or found == pytest.approx(1)


def test_an_edit_changes_some_functions_of_a_package() -> None:
    before, after = package(3, edited=False).splitlines(), package(3, edited=True).splitlines()
    assert package(3, edited=False) != package(4, edited=False)
    gone = [line for line in before if line not in after]
    assert CHANGED <= len(gone) <= 3 * CHANGED
    starts = [line for line in after if line.startswith("func ")]
    assert len(starts) == FUNCTIONS + 2  # one that was added, and Use

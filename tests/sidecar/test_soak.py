"""A minute of 500 services. `make soak` takes ten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scripts import soak

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.patient

COUNTS = {"good": 420, "dead": 50, "dribble": 20, "garbage": 10}


@pytest.mark.xdist_group("soak")
def test_five_hundred_services_on_time_within_one_core_and_300_mb(tmp_path: Path) -> None:
    seen = soak.run(COUNTS, 60.0, 10.0, tmp_path)
    assert seen.polls > 420 * 6
    assert seen.good_failed == 0
    assert seen.problems() == []


def test_what_is_late_or_missed_would_be_noticed() -> None:
    good = soak.Outcome(1, 60, 100, 1.0, 3, 0, 0, 0.1, 10)
    assert good.problems() == []
    for worse in (
        soak.Outcome(1, 60, 100, 0.98, 3, 0, 0, 0.1, 10),
        soak.Outcome(1, 60, 100, 1.0, 3, 1, 0, 0.1, 10),
        soak.Outcome(1, 60, 100, 1.0, 3, 0, 2, 0.1, 10),
        soak.Outcome(1, 60, 100, 1.0, 3, 0, 0, 1.1, 10),
        soak.Outcome(1, 60, 100, 1.0, 3, 0, 0, 0.1, 400_000_000),
    ):
        assert len(worse.problems()) == 1

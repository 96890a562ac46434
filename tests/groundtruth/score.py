"""Holds what a comparison reports against the truth."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from probes.drift import compare
from probes.go import load

if TYPE_CHECKING:
    from pathlib import Path

    from probes.drift.data.facts import DataDrift
    from probes.drift.facts import FunctionDrift
    from tests.groundtruth.corpus import Case
    from tests.groundtruth.listing import Truth

Item = tuple[str, str]
"""What happened (`changed`, `added`, `removed`, `renamed`) and to which function."""

DATA = "data"
NATIVE = "a C function"
"""Stands for any C function: a stripped file has no names for them."""


@dataclass(slots=True)
class Score:
    """Counts of a comparison, or of many: items that are true and found, true and missed, reported and false."""

    found: Counter[Item] = field(default_factory=Counter)
    missed: Counter[Item] = field(default_factory=Counter)
    false: Counter[Item] = field(default_factory=Counter)
    undecided: tuple[str, ...] = ()

    @property
    def recall(self) -> float:
        """Share of the truth that was found; 1.0 when there was nothing to find."""
        truth = self.found.total() + self.missed.total()
        return self.found.total() / truth if truth else 1.0

    @property
    def precision(self) -> float:
        """Share of the report that is true; 1.0 when nothing was reported."""
        reported = self.found.total() + self.false.total()
        return self.found.total() / reported if reported else 1.0

    def add(self, other: Score) -> None:
        """Count another comparison in."""
        self.found += other.found
        self.missed += other.missed
        self.false += other.false


def drift_of(old: Path, new: Path) -> tuple[FunctionDrift, DataDrift]:
    """Compare two binaries with the code under test.

    Raises:
        AssertionError: when it says that it could not compare the functions or the data.
    """
    drift = compare(load(str(old)), load(str(new)))
    assert drift.functions is not None, f"functions were not compared: {drift.problems}"
    assert drift.data is not None, f"data was not compared: {drift.problems}"
    return drift.functions, drift.data


def reported_items(drift: FunctionDrift) -> Counter[Item]:
    """What a comparison reports, in the form of the truth."""
    items: Counter[Item] = Counter()
    items.update(("changed", NATIVE if change.package == "C" else change.name) for change in drift.changed)
    items.update(("added", function.name) for function in drift.added)
    items.update(("removed", function.name) for function in drift.removed)
    items.update(("renamed", f"{rename.old} -> {rename.new}") for rename in drift.renamed)
    return items


def score(drift: FunctionDrift, truth: Truth, *, native: int = 0) -> Score:
    """Count what was found, missed and made up; `native` C functions have changed."""
    expected, reported = truth.items(), reported_items(drift)
    expected.update({("changed", NATIVE): native} if native else {})
    tolerated = Counter({("changed", name): count for name, count in truth.tolerated.items()})
    return Score(
        found=expected & reported,
        missed=expected - reported,
        false=reported - expected - tolerated,
        undecided=drift.undecided,
    )


def score_case(case: Case) -> Score:
    """Run the code under test on a case."""
    functions, data = drift_of(case.old, case.new)
    result = score(functions, case.truth, native=int(case.edit.touches_c))
    values = [(DATA, each.name + each.path or str(each.used_by)) for each in data.variables]
    if not case.edit.data:
        result.false.update([*values, *((DATA, each.path) for each in data.embedded)])
    elif values or data.undecided:
        result.found.update([(DATA, "initial values")])
    else:
        result.missed.update([(DATA, "initial values")])
    return result

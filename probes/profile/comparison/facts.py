"""What a comparison of profiles says."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

SHOWN = 40
"""Functions that are reported, beyond those that changed."""

Change = Literal["grown", "shrunk", "shifted", "went-away", "same"]


class DiffSettings(Struct, frozen=True):
    """What counts as a change, and what must be possible to see.

    `rate`: of false discoveries. `min_growth`, a factor less 1, and `min_points`, of all samples: smaller growth is not
    reported. `min_share`: of all samples; functions below it are not tested. `min_windows` a side; `detect_growth` of a
    function with `detect_share` must be detectable with 90% power, else the answer is inconclusive.
    """

    rate: float = 0.01
    min_growth: float = 0.1
    min_points: float = 0.0005
    min_share: float = 0.005
    min_windows: int = 10
    detect_growth: float = 0.5
    detect_share: float = 0.05


class SideFigures(Struct, frozen=True):
    """One side. `cost` in the profile's unit; `cost_per_request` None where requests were not counted."""

    label: str
    windows: int
    samples: float
    seconds: float
    cost: float
    cost_per_second: float | None
    cost_per_request: float | None


class FunctionDiff(Struct, frozen=True):
    """One function. Shares are of all samples of a side; intervals hold with 95%.

    `growth`: of its share of what did not change, a factor less 1; None where BASE has nothing of it. `by`: which of
    its shares decided. `p`: one-sided, of the direction that it moved in. `reason`: why growth is no regression.
    """

    name: str
    package: str
    change: Change
    by: Literal["flat", "cumulative"]
    base_flat: float
    new_flat: float
    base_cumulative: float
    new_cumulative: float
    base_interval: tuple[float, float]
    new_interval: tuple[float, float]
    growth: float | None
    p: float
    reason: str = ""


class ProfileDiff(Struct, frozen=True):
    """Two sides compared. `problem`: why nothing could be tested, "" when it could.

    `functions`: those that changed, and the largest of the others. `detectable`: (share, least growth that is found
    with 90% power). `overlap`: weighted
    Jaccard of the stacks, 0 to 1; `rank_shift`: the mean number of places by which the hottest functions moved.
    `unchanged`: the share of BASE that others are measured against. `per_request`: growth of the cost of one request
    with its 95% interval.
    """

    kind: str
    unit: str
    base: SideFigures
    new: SideFigures
    settings: DiffSettings
    functions: tuple[FunctionDiff, ...]
    tested: int
    detectable: tuple[tuple[float, float], ...]
    overlap: float
    rank_shift: float
    problem: str = ""
    unchanged: float = 1.0
    per_request: tuple[float, float, float] | None = None

    def regressions(self) -> tuple[FunctionDiff, ...]:
        """The functions whose cost grew, and no shift of cost explains it."""
        return tuple(each for each in self.functions if each.change == "grown")

    @property
    def sensitive(self) -> bool:
        """Whether the growth that is asked for would have been seen."""
        return not self.problem and any(
            share == self.settings.detect_share and growth <= self.settings.detect_growth
            for share, growth in self.detectable
        )

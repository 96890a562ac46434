"""The report's section on profiles."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import field

from gate.report.models.base import Section, Shape


class DeductionItem(Shape, frozen=True):
    """Why points of the continuity score are missing; `after` is the number of the window before it."""

    kind: str
    after: int
    seconds: float
    points: float
    detail: str


class HandOverItem(Shape, frozen=True):
    """A planned change of the image. `lost_samples` is an estimate, from the CPU time used in the gap."""

    generation: int
    seconds: float
    lost_samples: float
    explained: bool


class StripItem(Shape, frozen=True):
    """One place of the heartbeat's strip: a window, or what is between two, with the windows that are `missing` there.

    `wall`: seconds since 1970; `lost`: a planned hand-over over which samples were lost.
    """

    kind: Literal[
        "window", "short", "yielded", "failed", "gap", "restart", "silence", "hand-over", "lost", "rate", "clock"
    ]
    wall: float
    window: int
    missing: int
    samples: int
    detail: str


class ContinuityItem(Shape, frozen=True):
    """How whole the heartbeat is: 100 less the points of all deductions. Seconds of profile time."""

    score: float
    windows: int
    covered_seconds: float
    expected_seconds: float
    yields: int
    deductions: list[DeductionItem]
    hand_overs: list[HandOverItem]
    strip: list[StripItem] = field(default_factory=list)


class HotFunction(Shape, frozen=True):
    """A function's share of the profile, by itself and with what it calls, 0 to 1."""

    name: str
    flat: float
    cumulative: float


class HeatItem(Shape, frozen=True):
    """The hottest functions of a profile."""

    kind: str
    samples: float
    build_id: str
    functions: list[HotFunction]
    source: str = ""


class GrowthItem(Shape, frozen=True):
    """A trend over several profiles; `slope` as a part of the median in an hour, `p` one-sided."""

    what: str
    profiles: int
    first: float
    last: float
    slope: float
    p: float


class ProfileSideItem(Shape, frozen=True):
    """One side of a comparison of profiles. Costs in `unit` of the comparison; null where unknown."""

    label: str
    windows: int
    samples: float
    seconds: float
    cost: float
    cost_per_second: float | None
    cost_per_request: float | None


class FunctionShift(Shape, frozen=True):
    """One function on both sides. Shares and their 95% intervals from 0 to 1; `growth` against what did not change."""

    name: str
    change: Literal["grown", "shrunk", "shifted", "went-away", "same"]
    by: Literal["flat", "cumulative"]
    base_flat: float
    new_flat: float
    base_cumulative: float
    new_cumulative: float
    base_interval: list[float]
    new_interval: list[float]
    growth: float | None
    p: float
    reason: str


class DetectableItem(Shape, frozen=True):
    """The least growth of a function with `share` that would have been found in 9 of 10 cases; null for none."""

    share: float
    growth: float | None


class ComparisonItem(Shape, frozen=True):
    """Two sides' profiles. `problem`: why nothing could be tested, "" when it could."""

    kind: str
    unit: str
    base: ProfileSideItem
    new: ProfileSideItem
    problem: str
    tested: int
    functions: list[FunctionShift]
    detectable: list[DetectableItem]
    overlap: float
    rank_shift: float
    unchanged: float
    per_request: list[float] | None


class ProfileSection(Shape, frozen=True):
    """What profiles gave. `notes`: what was odd, such as files that could not be read."""

    source: str
    continuity: Annotated[ContinuityItem | None, Section] = None
    heat: Annotated[HeatItem | None, Section] = None
    growth: Annotated[GrowthItem | None, Section] = None
    comparison: Annotated[ComparisonItem | None, Section] = None
    notes: list[str] = field(default_factory=list)

"""What the continuity of a heartbeat is made of."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

DeductionKind = Literal["gap", "restart", "silence", "failed", "short", "rate", "clock"]
MarkKind = Literal[
    "window", "short", "yielded", "failed", "gap", "restart", "silence", "hand-over", "lost", "rate", "clock"
]
"""`lost`: a planned hand-over over which samples were lost. The last seven stand between two windows."""


class Mark(Struct, frozen=True):
    """One place of the strip.

    Attributes:
        kind: what it shows.
        wall: seconds since 1970: the start of the window, or of the one before what is between two.
        window: the number of that window.
        missing: windows that are missing there.
        samples: of the window.
        detail: what happened; "" for a whole window.
    """

    kind: MarkKind
    wall: float
    window: int
    missing: int = 0
    samples: int = 0
    detail: str = ""


class Deduction(Struct, frozen=True):
    """Why points are missing.

    `after`: the number of the window before; `wall`: seconds since 1970; `seconds`: profile time that is missing.
    """

    kind: DeductionKind
    after: int
    wall: float
    seconds: float
    points: float
    detail: str


class HandOver(Struct, frozen=True):
    """A planned change of the image. `seconds` without a profile, beyond what was due; `lost_samples`: an estimate."""

    generation: int
    wall: float
    seconds: float
    lost_samples: float
    explained: bool


class ContinuityFacts(Struct, frozen=True):
    """The score, and all that it is made of. Seconds of profile time; `yields`: windows that gave way.

    `strip`: the windows, and all of this at its place among them.
    """

    score: float
    windows: int
    covered_seconds: float
    expected_seconds: float
    interval_seconds: float
    window_seconds: float
    yields: int
    deductions: tuple[Deduction, ...] = ()
    hand_overs: tuple[HandOver, ...] = ()
    strip: tuple[Mark, ...] = ()

    def unexplained(self) -> tuple[Deduction, ...]:
        """The gaps that no announced hand-over explains."""
        return tuple(each for each in self.deductions if each.kind in ("gap", "restart", "silence"))

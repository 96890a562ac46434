"""Which file exec would start, and whether the service may."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Held = Literal["NEW", "OLD", "another program", "nothing", "unknown"]


class StartPath(Struct, frozen=True):
    """A path that the service would execute, as it sees it. `how`: what says so.

    `obstacles`: why exec of it fails, in words. `unsure`: what could not be found out about it.
    """

    how: str
    path: str
    holds: Held
    obstacles: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()


class ExecutableFacts(Struct, frozen=True):
    """Whether the service can execute NEW, with its user, groups and mount namespace.

    `starts`: the likeliest first. `refused`: what about NEW's own owner and mode keeps it from being executed.
    `interpreter`: the program interpreter that NEW asks for and that is not there, as the service sees it; "" for none.
    `lost`: set-id bits and file capabilities that OLD's file has and NEW's has not, or the other way round.
    """

    source: str
    starts: tuple[StartPath, ...]
    refused: str = ""
    interpreter: str = ""
    lost: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()

    @property
    def start(self) -> StartPath | None:
        """The path that counts: one that holds NEW, else the likeliest."""
        holding = (each for each in self.starts if each.holds == "NEW")
        return next(holding, self.starts[0] if self.starts else None)

    def summary(self) -> str:
        """What it comes to, in words."""
        start = self.start
        if start is None:
            return "which file exec would start is unknown"
        held = {
            "OLD": "holds OLD until NEW is renamed over it",
            "nothing": "is not there until NEW is put there",
            "unknown": "cannot be read",
        }.get(start.holds, f"holds {start.holds}")
        return f"exec would start {start.path}, which {held}"

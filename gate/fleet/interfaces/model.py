"""What a tool was asked, and what it said."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Level = Literal["block", "warn", "info"]


class Found(Struct, frozen=True):
    """One finding. `rule` is the tool's own name for it; `line` is counted from 1, 0 where there is none."""

    component: str
    tool: str
    rule: str
    level: Level
    message: str
    path: str = ""
    line: int = 0


class Asked(Struct, frozen=True):
    """A tool that was asked about a component. `problem` says why there is no answer; "" where there is one."""

    component: str
    tool: str
    problem: str = ""
    found: tuple[Found, ...] = ()

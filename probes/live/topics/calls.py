"""Threads in C."""

from __future__ import annotations

from msgspec import Struct

from probes.wording import count


class Call(Struct, frozen=True):
    """Threads in one C function; `function` and `caller` are "" where not known."""

    function: str
    caller: str
    count: int


class CallFacts(Struct, frozen=True):
    """Threads that are in C. `foreign`: threads that Go did not start, None where not known.

    `certain`: they are known to be in calls; else some may be threads that C keeps for itself.
    """

    source: str
    count: int
    calls: tuple[Call, ...] = ()
    foreign: tuple[str, ...] | None = None
    certain: bool = True

    def summary(self) -> str:
        """What it comes to, in words."""
        foreign = f", {count(len(self.foreign), 'thread')} not started by Go" if self.foreign else ""
        return f"{count(self.count, 'thread')} in C{foreign}"

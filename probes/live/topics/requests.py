"""Work in flight."""

from __future__ import annotations

from msgspec import Struct

from probes.wording import some


class WorkInFlight(Struct, frozen=True):
    """One counter of work: None as `limit` where none is set. `drained`: goprobe's Upgrade waits for it by itself."""

    name: str
    count: int
    limit: int | None
    known: bool = True
    drained: bool = False


class RequestFacts(Struct, frozen=True):
    """Work in flight. `over`: some counter is above its limit."""

    source: str
    work: tuple[WorkInFlight, ...]
    over: bool

    def summary(self) -> str:
        """What it comes to, in words."""
        return (
            some([f"{each.name} {each.count}" for each in self.work]) if self.work else "no counter of work in flight"
        )

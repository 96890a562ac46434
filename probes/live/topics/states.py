"""State that the service hands to its next image by goprobe."""

from __future__ import annotations

from msgspec import Struct

from probes.wording import some


class HandedState(Struct, frozen=True):
    """One registered state: the version that it is written with, and those that the service can read."""

    name: str
    version: int
    reads: tuple[int, ...]
    codec: str = ""


class StateFacts(Struct, frozen=True):
    """All of them; `complete`: none was left out of the answer."""

    source: str
    states: tuple[HandedState, ...]
    complete: bool = True

    def summary(self) -> str:
        """What it comes to, in words."""
        return (
            some([f"{each.name} version {each.version}" for each in self.states])
            if self.states
            else "none is handed over"
        )

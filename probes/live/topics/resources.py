"""What the service holds in C."""

from __future__ import annotations

from msgspec import Struct

from probes.wording import some


class ResourceUse(Struct, frozen=True):
    """Something held in C: how many, and whether there is a hand-over for it. `known`: its counter answered."""

    name: str
    count: int
    handed_over: bool
    known: bool = True


class ResourceFacts(Struct, frozen=True):
    """What the service counts. `heap_bytes`: C's heap in use, None where not known."""

    source: str
    resources: tuple[ResourceUse, ...]
    heap_bytes: int | None = None

    def summary(self) -> str:
        """What it comes to, in words."""
        named = [f"{each.name} {each.count}" for each in self.resources]
        heap = f"; {self.heap_bytes:,} bytes on C's heap" if self.heap_bytes is not None else ""
        return (some(named) if named else "nothing is tracked") + heap

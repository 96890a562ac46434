"""The garbage collector."""

from __future__ import annotations

from msgspec import Struct

from probes.wording import count


class GcFacts(Struct, frozen=True):
    """Whether a garbage collection is marking."""

    source: str
    marking: bool
    cycles: int

    def summary(self) -> str:
        """What it comes to, in words."""
        return f"{'marking' if self.marking else 'not marking'}, {count(self.cycles, 'cycle')} so far"

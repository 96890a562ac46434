"""The health score."""

from __future__ import annotations

from msgspec import Struct


class HealthMark(Struct, frozen=True):
    """One part of the health score."""

    name: str
    state: str
    figure: float | None
    unit: str
    threshold: float
    score: float | None
    reason: str = ""


class HealthFacts(Struct, frozen=True):
    """The health score from 0 to 100, and the share of its parts that have data."""

    source: str
    score: float
    coverage: float
    parts: tuple[HealthMark, ...]

    def summary(self) -> str:
        """What it comes to, in words."""
        return f"{self.score:.1f} of 100, {self.coverage:.0%} of its parts known"

"""Which image a service runs, and when it went over to another one, as its polls tell. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import Struct

KEPT = 8
"""Changes that are remembered."""


class Change(Struct, frozen=True):
    """A service went over to another image. Times in seconds since 1970.

    Attributes:
        until: when the last poll was begun that the image before answered.
        since: when the first poll was due that the new one answered.
        seen: when that poll was over: the update was before it.
        epoch: of the new image.
    """

    until: float
    since: float
    seen: float
    epoch: str


class Sight(Struct, frozen=True):
    """One poll that told which image runs, and how it was told: goprobe draws an epoch, a plain service has a build ID."""

    due_ms: int
    late_ms: int
    took_ms: int
    source: str
    epoch: str

    @property
    def begun(self) -> float:
        """When it was begun."""
        return (self.due_ms + self.late_ms) / 1000


@dataclass(slots=True)
class Images:
    """What was seen so far."""

    last: Sight | None = None
    changes: list[Change] = field(default_factory=list)
    """The newest last, at most KEPT."""
    _other: Sight | None = None

    def see(self, sight: Sight) -> bool:
        """Note what a poll told; whether the service has gone over to another image since the one before."""
        if not sight.epoch:
            return False
        last, other = self.last, self._other
        if last is not None and sight.source != last.source and (other is None or other.source != sight.source):
            # goprobe that does not answer once leaves what a plain service has: no other image, unless it stays so.
            self._other = sight
            return False
        first = sight if last is None or other is None or sight.source == last.source else other
        self.last, self._other = sight, None
        if last is None or (sight.source, sight.epoch) == (last.source, last.epoch):
            return False
        seen = first.begun + first.took_ms / 1000
        self.changes.append(Change(last.begun, first.due_ms / 1000, seen, sight.epoch))
        del self.changes[:-KEPT]
        return True

    @property
    def updated_at(self) -> float:
        """When the service was last seen to have gone over to another image; 0 for never."""
        return self.changes[-1].since if self.changes else 0.0

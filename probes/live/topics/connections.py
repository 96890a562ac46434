"""Established connections: who is connected, and who of them an update would cut off."""

from __future__ import annotations

from msgspec import Struct

from probes.wording import count, some


class Accepted(Struct, frozen=True):
    """The connections that came in by one listener.

    Attributes:
        listener: its address, such as `tcp 127.0.0.1:8080`.
        count: how many there are.
        inheritable: how many of them exec leaves open, because no descriptor of theirs is close-on-exec.
        idle: how many have carried no data for a minute; None where that is not known.
    """

    listener: str
    count: int
    inheritable: int = 0
    idle: int | None = None


class ConnectionFacts(Struct, frozen=True):
    """Established connections by listener, most first.

    Attributes:
        source: where it is from.
        accepted: those that came in; the descriptors of a process that were not looked at are not among them.
        outgoing: those that the process opened, TCP only.
        kept: how many of those that came in goprobe hands over, with what was read of them.
        drained: how many goprobe's Upgrade ends in order: HTTP between two requests, and what cannot be handed over.
        complete: whether all of the process's descriptors were looked at.
    """

    source: str
    accepted: tuple[Accepted, ...]
    outgoing: int = 0
    kept: int = 0
    drained: int = 0
    complete: bool = True

    @property
    def total(self) -> int:
        """All that came in."""
        return sum(each.count for each in self.accepted)

    @property
    def cut(self) -> int:
        """Those that nobody hands over: their clients see the connection end in the middle."""
        inheritable = sum(each.inheritable for each in self.accepted)
        return max(self.total - self.kept - inheritable - self.drained, 0)

    def summary(self) -> str:
        """What it comes to, in words."""
        opened = f"; {count(self.outgoing, 'connection')} to others" if self.outgoing else ""
        if not self.total:
            return f"no client is connected{opened}"
        by = some([f"{each.count:,} by {each.listener}{_idle(each)}" for each in self.accepted], 3)
        handed = [f"{number:,} {word}" for number, word in ((self.kept, "kept"), (self.drained, "drained")) if number]
        more = f"; {', '.join(handed)} by goprobe" if handed else ""
        return f"{self.total:,} established, {by}{more}{opened}"


def _idle(group: Accepted) -> str:
    return f" ({group.idle:,} idle for a minute)" if group.idle else ""

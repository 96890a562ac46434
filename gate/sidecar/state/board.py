"""What is known right now of every service: for the status line, the metrics, the API and the page."""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from gate.sidecar.state.images import Images, Sight

if TYPE_CHECKING:
    from gate.report.models.report import Report
    from gate.sidecar.config.model import ServiceConfig
    from gate.store.polled import Sample
    from gate.store.rehearsals import Rehearsed
    from probes.live.goprobe.wire import CanaryStatus

STRIP = 60
"""Polls that a continuity strip shows."""

STALE = 3.0
"""Intervals without a poll that worked after which what is known is old."""


@dataclass(slots=True)
class Entry:
    """One service. Times in seconds since 1970."""

    config: ServiceConfig
    last: Sample | None = None
    good: Sample | None = None
    """The last poll that gave an answer."""
    failures: int = 0
    """In a row."""
    polls: dict[str, int] = field(default_factory=dict)
    """How many polls ended in each state."""
    strip: deque[str] = field(default_factory=lambda: deque(maxlen=STRIP))
    standing: Report | None = None
    """The verdict of the last look that no client asked for. It is shown, and never given as an answer."""
    standing_at: float = 0.0
    """When that look ended."""
    standing_until: float = math.inf
    """When it is too old to be shown as a verdict."""
    looked_at: float = -math.inf
    """When the last look was begun, whatever became of it; seconds of the monotonic clock."""
    rehearsed: Rehearsed | None = None
    """The last rehearsal of the image that runs, as of the last look."""
    canary: CanaryStatus | None = None
    """How the canary stood at the last poll that gave an answer, or how the last one ended."""
    canary_age: float | None = None
    """Seconds since it had ended then; None for one that had not."""
    images: Images = field(default_factory=Images)
    """Which images were seen, perhaps by the sidecar before this one."""

    def add(self, sample: Sample) -> bool:
        """Note a poll; whether it shows another image than the one before."""
        answered = sample.state in ("ok", "partial")
        sight = Sight(sample.due_ms, sample.late_ms, sample.took_ms, sample.source, sample.epoch)
        replaced = answered and self.images.see(sight)
        self.last = sample
        self.failures = 0 if answered else self.failures + 1
        self.polls[sample.state] = self.polls.get(sample.state, 0) + 1
        self.strip.append("updated" if replaced else sample.state)
        if answered:
            self.good = sample
        return replaced

    @property
    def updated_at(self) -> float:
        """When it was last seen to have gone over to another image; 0 for never."""
        return self.images.updated_at

    @property
    def running_canary(self) -> CanaryStatus | None:
        """The canary that ran at the last poll; None for none, and while the service does not answer."""
        return None if self.failures or self.canary_age is not None else self.canary

    def is_stale(self, now: float | None = None) -> bool:
        """Whether what is known is too old to be taken for the present."""
        seen = 0.0 if self.good is None else self.good.due_ms / 1000
        return (time.time() if now is None else now) - seen > STALE * max(self.config.interval, 1.0)

    def standing_doubt(self, now: float | None = None) -> Literal["", "unseen", "old"]:
        """Why the standing report tells nothing of the present: the service is gone, or looks at it come to no end."""
        if self.standing is None:
            return ""
        if self.is_stale(now):
            return "unseen"
        return "old" if (time.time() if now is None else now) > self.standing_until else ""

    def standing_verdict(self, now: float | None = None) -> str | None:
        """What the standing report says, as long as it is of the present: of a service that is gone nothing can be told."""
        if self.standing is None:
            return None
        return "inconclusive" if self.standing_doubt(now) else self.standing.verdict


LATE_BUCKETS = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds in seconds."""


@dataclass(slots=True)
class Lateness:
    """How much after their time polls were begun, since the start. Nothing here ever falls: Prometheus takes rates of it."""

    upto: list[int] = field(default_factory=lambda: [0] * len(LATE_BUCKETS))
    """How many were at most that late, for each of the bounds."""
    count: int = 0
    seconds: float = 0.0
    """Of all of them."""

    def add(self, late_ms: int) -> None:
        """Note one poll; a clock that was set back meanwhile makes it one in time."""
        late = max(late_ms, 0) / 1000
        self.count += 1
        self.seconds += late
        for index, limit in enumerate(LATE_BUCKETS):
            self.upto[index] += late <= limit


@dataclass(slots=True)
class Board:
    """All services by name."""

    entries: dict[str, Entry] = field(default_factory=dict)
    started_at: float = field(default_factory=time.time)
    late: Lateness = field(default_factory=Lateness)

    def counts(self) -> dict[str, int]:
        """How many services answered the last time, in which state."""
        found: dict[str, int] = {}
        for entry in self.entries.values():
            state = "waiting" if entry.last is None else entry.last.state
            found[state] = found.get(state, 0) + 1
        return found

"""One poll of a service, as it is kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from probes.live.goprobe import wire
    from probes.profile.heartbeat.window import HeartbeatWindow

State = Literal["ok", "partial", "unreachable", "refused", "garbage"]
"""`partial`: it answers, and not everything could be read. `garbage`: what it answers is not what was asked for."""

MAX_TEXT = 300
MAX_PARTS = 16


class Sample(Struct, frozen=True):
    """What one poll gave. Times in milliseconds, `due_ms` since 1970; None where the service does not tell.

    `connections`: established, `connections_kept`: those of them that an update keeps or ends in order. `profiler` is whose CPU profile runs, "" where it was not known. `health` and `coverage` are goprobe's: 0 to 100, and
    the share of its parts that have data; `health_parts` and `counters` are JSON texts. `continuity`: of the heartbeat, 0 to 100.
    """

    service: str
    due_ms: int
    late_ms: int
    took_ms: int
    state: State
    error: str = ""
    source: str = ""
    epoch: str = ""
    generation: int | None = None
    goroutines: int | None = None
    threads: int | None = None
    heap_bytes: int | None = None
    in_flight: int | None = None
    connections: int | None = None
    connections_kept: int | None = None
    profiler: str = ""
    health: float | None = None
    coverage: float | None = None
    health_parts: str = "[]"
    counters: str = "{}"
    continuity: float | None = None


class Polled(Struct, frozen=True):
    """A sample, and what came with it: windows of the heartbeat, and how a canary stands, which is not kept with it."""

    sample: Sample
    windows: tuple[HeartbeatWindow, ...] = ()
    canary: wire.CanaryStatus | None = None
    canary_age: float | None = None
    """Seconds since the canary has ended, when the service was asked; None for one that has not."""


def short(text: str) -> str:
    """`text` from a service, cut to what is kept of it; NUL, which PostgreSQL cannot hold, as U+FFFD."""
    return text.replace("\0", "�").encode("utf-8", "replace").decode("utf-8")[:MAX_TEXT]


def parts_json(health: wire.HealthAnswer) -> str:
    """The parts of the health score."""
    rows: list[dict[str, object]] = [
        {
            "name": short(part.name)[:64],
            "state": part.state,
            "figure": part.figure,
            "unit": short(part.unit)[:64],
            "threshold": part.threshold,
            "score": part.score,
            "reason": short(part.reason),
        }
        for part in health.parts[:MAX_PARTS]
    ]
    return json.dumps(_finite(rows), ensure_ascii=True, allow_nan=False)


def _finite(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Without infinities, which JSON has not."""
    limit = 1e300

    def plain(value: object) -> object:
        return value if not isinstance(value, float) or -limit < value < limit else None

    return [{key: plain(value) for key, value in row.items()} for row in rows]

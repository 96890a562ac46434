"""The answer of `/debug/hotgate/heartbeat`."""

from __future__ import annotations

from typing import Literal

from probes.live.goprobe.wire.base import Amount, Answer, Count, Moment, Nanoseconds, Wire


class Window(Wire, frozen=True):
    """One window of the heartbeat."""

    seq: Count
    epoch: str
    generation: Count
    started_at: Moment
    ended_at: Moment
    start_monotonic_ns: Nanoseconds
    end_monotonic_ns: Nanoseconds
    duration_ns: Count
    rate_hz: Count
    samples: Count
    cpu_seconds: Amount
    bytes: Count
    state: Literal["ok", "short", "yielded", "failed"]
    reason: str


class Settings(Wire, frozen=True):
    """How the heartbeat collects."""

    interval_ns: Count
    window_ns: Count
    rate_hz: Count
    ring: Count


class HeartbeatAnswer(Answer, frozen=True):
    """`heartbeat`."""

    kind: Literal["heartbeat"]
    epoch: str
    generation: Count
    enabled: bool
    state: str
    settings: Settings
    next_seq: Count
    cpu_seconds: Amount
    windows: list[Window]

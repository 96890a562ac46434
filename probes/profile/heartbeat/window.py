"""One window of a heartbeat's profiles."""

from __future__ import annotations

from msgspec import Struct


class HeartbeatWindow(Struct, frozen=True):
    """One profile window. Times in nanoseconds of CLOCK_MONOTONIC; `wall`: seconds since 1970 at its start."""

    seq: int
    epoch: str
    generation: int
    start_ns: int
    end_ns: int
    wall: float
    rate_hz: int
    samples: int
    cpu_seconds: float
    state: str
    reason: str = ""

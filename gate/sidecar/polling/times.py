"""When a service is due: the same times for everybody who polls it at that interval. Pure."""

from __future__ import annotations

import hashlib
import math

MAX_BACKOFF = 300.0
"""Seconds between two polls of a service that does not answer, at most."""

PATIENCE = 3
"""Failures in a row before a service is asked less often."""

JITTER = 0.02
"""Share of the interval that a poll is put off by at random, so that those who poll at the same times do not meet."""

MAX_JITTER = 0.5
"""Seconds."""


def phase(name: str, interval: float) -> float:
    """Where in the interval a service is due, in seconds: spread over it, and the same on every host."""
    head = int.from_bytes(hashlib.sha256(name.encode("utf-8")).digest()[:8], "big")
    return head / 2**64 * interval


def next_due(name: str, interval: float, after: float) -> float:
    """The first time later than `after` (seconds since 1970) at which the service is due."""
    offset = phase(name, interval)
    turn = math.floor((after - offset) / interval) + 1
    due = turn * interval + offset
    return due if due > after else due + interval  # what rounding took


def skipped(failures: int, interval: float) -> int:
    """How many turns a service that failed that often in a row is left alone."""
    if failures < PATIENCE:
        return 0
    turns = (1 << min(failures - PATIENCE + 1, 20)) - 1
    return min(turns, max(0, int(MAX_BACKOFF / interval) - 1))


def jitter(interval: float, chance: float) -> float:
    """How long to put a poll off; `chance` is from 0 to 1."""
    return min(interval * JITTER, MAX_JITTER) * chance

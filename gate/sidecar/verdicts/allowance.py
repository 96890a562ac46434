"""How often verdicts on one service are given: each is a record of the audit log, which nothing ever shortens."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

BURST = 60
"""Verdicts on one service that may come at once."""

EVERY = 5.0
"""Seconds in which one more may be asked for: some 25 MB of records a day and service, at most."""


class Allowance:
    """A token bucket for each service."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, name: str) -> bool:
        """Whether one more verdict on the service may be given now; it counts if so."""
        now = self._clock()
        left, at = self._left.get(name, (float(BURST), now))
        left = min(float(BURST), left + (now - at) / EVERY)
        self._left[name] = (left - 1 if left >= 1 else left, now)
        return left >= 1

"""The heartbeat of CPU profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from probes.wording import count

if TYPE_CHECKING:
    from probes.profile.heartbeat.window import HeartbeatWindow


class HeartbeatFacts(Struct, frozen=True):
    """The heartbeat: its settings in nanoseconds and hertz, and the windows that are kept, oldest first."""

    source: str
    enabled: bool
    interval_ns: int
    window_ns: int
    rate_hz: int
    windows: tuple[HeartbeatWindow, ...]

    def summary(self) -> str:
        """What it comes to, in words."""
        if not self.enabled:
            return "switched off"
        return (
            f"{count(len(self.windows), 'window')} kept; {self.window_ns / 1e9:g} s of every {self.interval_ns / 1e9:g} s at "
            f"{self.rate_hz} Hz"
        )

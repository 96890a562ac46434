"""Whether a CPU profile runs."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from probes.wording import count


class ProfilerFacts(Struct, frozen=True):
    """Whether a CPU profile runs; None where there are signs of one that may be over.

    `timers`: POSIX timers that send SIGPROF, one a thread, None where not known. They are signs: a thread keeps its own
    until it next runs Go code (runtime/proc.go, `execute`).
    """

    source: str
    running: bool | None
    owner: Literal["none", "heartbeat", "endpoint", "other", "unknown"]
    timers: int | None = None

    def summary(self) -> str:
        """What it comes to, in words."""
        if self.running is None:
            return f"{count(self.timers or 0, 'idle thread')} with a profile's timer"
        owner = {"heartbeat": "goprobe's heartbeat window", "endpoint": "a client of the profile endpoint"}.get(
            self.owner
        )
        return (
            f"a CPU profile is running{f': {owner}' if owner else ''}" if self.running else "no CPU profile is running"
        )

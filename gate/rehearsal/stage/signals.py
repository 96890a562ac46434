"""Which signals a process would not hear: ignored by all of it, or blocked in each of its threads. Both outlive an exec."""

from __future__ import annotations

import re
import signal
from pathlib import Path

MOST_THREADS = 4096
_MASK = re.compile(rb"^(SigBlk|SigIgn):\s*([0-9a-f]{1,16})$", re.MULTILINE)


def unheard(pid: int) -> dict[str, str] | None:
    """Signal's name -> `is ignored` or `is blocked in every thread`, by proc_pid_status(5); None where the process is gone."""
    blocked, ignored = ~0, 0
    try:
        for thread, _ in zip(Path(f"/proc/{pid}/task").iterdir(), range(MOST_THREADS), strict=False):
            masks = {name: int(value, 16) for name, value in _MASK.findall((thread / "status").read_bytes())}
            blocked &= masks[b"SigBlk"]
            ignored = masks[b"SigIgn"]
    except (OSError, KeyError):
        return None
    if blocked == ~0:
        return None
    return _named(blocked, "is blocked in every thread") | _named(ignored, "is ignored")


def _named(mask: int, how: str) -> dict[str, str]:
    """Signals of a mask: bit 0 is signal 1. Those for real-time have no name of their own."""
    return {each.name: how for each in signal.Signals if mask >> (each - 1) & 1}

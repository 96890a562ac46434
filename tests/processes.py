"""Processes as `/proc` shows them, for tests that look at what they have left."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def command_lines(pids: Iterable[int] | None = None) -> dict[int, str]:
    """PID -> command line of `pids`, or of all; without those that have ended."""
    found = {}
    for pid in [int(each.name) for each in Path("/proc").glob("[0-9]*")] if pids is None else pids:
        with suppress(OSError):
            found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    return found

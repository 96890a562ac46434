"""Whether threads that have a CPU profile's timer use it: two looks at them, a while apart.

A thread that is busy loses a timer that is left over within a time slice, so that one which ran between the looks and still
has its timer is being profiled.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from threading import Event, Thread

from msgspec import Struct

from probes.errors import ProbeError
from probes.live.proc.folder import Folder, opened

SIGPROF = 27
LOOK_SECONDS = 0.2
LOOK_EVERY = 0.05
KEPT = 8
"""Looks that are old enough for the second one are among as many."""
BUSY_TICKS = 3
"""Ticks of 10 ms; Go gives up a thread's goroutine after one of them, and that is when a stale timer goes."""

_PROFILE_TIMER = re.compile(rf"^signal: {SIGPROF}/\w+\nnotify: signal/tid\.(\d+)$", re.MULTILINE)


class Look(Struct, frozen=True):
    """A first look: when it was taken, and the clock ticks that each thread with a timer had used."""

    at: float
    ticks: dict[int, int]


class Watcher:
    """Takes first looks at a process all the time, so that there is one that is old enough when the second is due."""

    def __init__(self, pid: int, *, root: str = "/proc") -> None:
        self._pid, self._root = pid, root
        self._looks: deque[Look] = deque(maxlen=KEPT)
        self._end = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._end.set()
        self._thread.join()

    def look(self) -> Look | None:
        """The newest look that is old enough; None while there is none."""
        latest = time.monotonic() - LOOK_SECONDS
        return next((each for each in reversed(tuple(self._looks)) if each.at <= latest), None)

    def _run(self) -> None:
        while not self._end.is_set():
            with suppress(ProbeError), opened(self._pid, self._root) as folder:
                self._looks.append(first_look(folder, profile_timers(folder, []) or ()))
            self._end.wait(LOOK_EVERY)


def profile_timers(folder: Folder, gaps: list[str]) -> list[int] | None:
    """The threads that have a timer which sends SIGPROF."""
    try:
        text = folder.text("timers")
    except ProbeError as exc:  # needs CONFIG_CHECKPOINT_RESTORE
        gaps.append(f"its timers cannot be read: {exc.what}")
        return None
    return [int(match[1]) for match in _PROFILE_TIMER.finditer(text)]


def first_look(folder: Folder, tids: Iterable[int]) -> Look:
    """Look at the threads `tids`, which have a timer."""
    return Look(time.monotonic(), {tid: _ticks(folder, tid) for tid in tids})


def used(folder: Folder, look: Look) -> int:
    """How many threads have run for a while since `look` and still have their timer; waits until it is old enough."""
    time.sleep(max(look.at + LOOK_SECONDS - time.monotonic(), 0))
    left = set(profile_timers(folder, []) or ())
    return sum(1 for tid in left & look.ticks.keys() if _ticks(folder, tid) - look.ticks[tid] >= BUSY_TICKS)


def used_for_certain(folder: Folder, tids: list[int], look: Look | None) -> int:
    """How many of the threads `tids`, which have a timer now, use it.

    A `look` from before is enough to see that none does. What it shows else may have ended since: that is looked at anew,
    and so are threads that got their timer after it.
    """
    if look is not None and look.ticks.keys() >= set(tids) and not used(folder, look):
        return 0
    return used(folder, first_look(folder, tids))


def _ticks(folder: Folder, tid: int) -> int:
    """Clock ticks of CPU time that a thread has used; -1 when it has ended."""
    try:
        fields = folder.text(f"task/{tid}/stat").rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])
    except (ProbeError, IndexError, ValueError):
        return -1

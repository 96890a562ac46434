"""`/proc/PID/stat`: whose child a process is, since when it is there, and whether anything of it still runs.

Sources: proc_pid_stat(5); `de_thread` in fs/exec.c for what is seen of a process while it executes a program.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_STAT = 4096
_LOOKS = 20
_PAUSE = 0.001


class Stat(Struct, frozen=True):
    """`started`: clock ticks from boot; with it, the number of a process names no other."""

    state: str
    parent: int
    threads: int
    started: int

    @property
    def executing(self) -> bool:
        """Whether its first thread has ended and others have not.

        That is seen of every process in which another thread executes a program, as Go's `syscall.Exec` mostly does: the kernel first ends
        the first thread, which is a zombie until the other one takes its place. Until then there is no `exe`, and no descriptor.
        """
        return self.state == "Z" and self.threads > 1

    @property
    def ended(self) -> bool:
        """Whether nothing of it runs any more."""
        return self.state in {"Z", "X"} and not self.executing


def parse_stat(text: bytes) -> Stat:
    """What a file says; the name in it is in parentheses and may hold anything.

    Raises:
        ValueError: it is no such file.
    """
    fields = text.rpartition(b")")[2].split()
    if len(fields) < 20:
        raise ValueError("not a stat of /proc")
    return Stat(fields[0].decode("ascii"), int(fields[1]), int(fields[17]), int(fields[19]))


def read_stat(read: Callable[[], bytes]) -> Stat:
    """What `read` returns, which is asked again while a thread takes the place of the first one: that has ended, and has no threads."""
    for _ in range(_LOOKS):
        stat = parse_stat(read())
        if stat.state != "X" and stat.threads:
            break
        time.sleep(_PAUSE)
    return stat

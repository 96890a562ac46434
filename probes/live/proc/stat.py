"""`/proc/PID/stat`: whose child a process is, since when it is there, and whether anything of it still runs.

Sources: proc_pid_stat(5); `de_thread` in fs/exec.c and `load_elf_binary` in fs/binfmt_elf.c for what is seen of a process while it
executes a program.
"""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_STAT = 4096
_EXITING, _KERNEL_THREAD = 0x4, 0x200000
"""PF_EXITING and PF_KTHREAD"""
_LOOKS = 20
_PAUSE = 0.001


class Stat(Struct, frozen=True):
    """`started`: clock ticks from boot; with it, the number of a process names no other.

    `flags`: the first thread's, of linux/sched.h. `stack`: where the stack begins, which the kernel chooses anew for each image; 0 where it
    does not tell. `code`: where the code begins; 1 where the kernel does not tell, 0 while there is none.
    """

    state: str
    parent: int
    threads: int
    started: int
    flags: int = 0
    stack: int = 0
    code: int = 1

    @property
    def of_kernel(self) -> bool:
        """Whether it is a thread of the kernel, which runs no file."""
        return bool(self.flags & _KERNEL_THREAD)

    @property
    def ended(self) -> bool:
        """Whether nothing of it runs any more.

        A zombie that has other threads is a process that executes a program in one of those, as Go's `syscall.Exec` mostly does: the kernel
        first ends the first thread, and then has the other one take its place. Until then there is no `exe`, and no descriptor.
        """
        return self.state == "X" or (self.state == "Z" and self.threads <= 1)

    def runs_on(self, later: Stat) -> bool:
        """Whether the same image has run from this look to a `later` one, as far as that can be told.

        Of one that is being replaced, the first thread ends, then all but one, and then the stack is another one. Where its code begins is
        what the kernel fills in last: before, its command line and environment are empty.
        """
        ends = any(
            each.flags & _EXITING or each.state == "Z" or (not each.code and _code_is_told()) for each in (self, later)
        )
        return not ends and self.stack == later.stack and (self.threads == 1 or later.threads > 1)


@functools.cache
def _code_is_told() -> bool:
    """Whether this kernel tells where code begins: one that is none of Linux's, as gVisor, may have 0 for all."""
    try:
        return parse_stat(Path("/proc/self/stat").read_bytes()).code != 0
    except (OSError, ValueError):
        return False


def parse_stat(text: bytes) -> Stat:
    """What a file says; the name in it is in parentheses and may hold anything.

    Raises:
        ValueError: it is no such file.
    """
    fields = text.rpartition(b")")[2].split()
    if len(fields) < 20:
        raise ValueError("not a stat of /proc")
    return Stat(
        state=fields[0].decode("ascii"),
        parent=int(fields[1]),
        threads=int(fields[17]),
        started=int(fields[19]),
        flags=int(fields[6]),
        stack=int(fields[25]) if len(fields) > 25 else 0,
        code=int(fields[23]) if len(fields) > 25 else 1,
    )


def read_stat(read: Callable[[], bytes]) -> Stat:
    """What `read` returns, which is asked again while a thread takes the place of the first one: that has ended, and has no threads."""
    for _ in range(_LOOKS):
        stat = parse_stat(read())
        if stat.state != "X" and stat.threads:
            break
        time.sleep(_PAUSE)
    return stat

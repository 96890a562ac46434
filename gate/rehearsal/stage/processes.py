"""The processes of a rehearsal, by /proc: who descends from whom, which file each runs, and what each holds."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from gate.rehearsal.stage.tcp import ESTABLISHED, LISTEN, tcp_sockets
from probes.live.proc.stat import read_stat

if TYPE_CHECKING:
    from collections.abc import Collection

    from gate.rehearsal.stage.tcp import TcpSocket
    from probes.live.proc.stat import Stat

Identity = tuple[int, int]
"""Device and inode of a file. A file that is running keeps its inode, so that no other file can have it."""

_PAGE = os.sysconf("SC_PAGE_SIZE")


class Process(Struct, frozen=True):
    """One process. `image` is None for a zombie, while it executes another one, and where the kernel does not tell."""

    pid: int
    parent: int
    alive: bool
    image: Identity | None


def descendants(root: int, without: Collection[int] = ()) -> dict[int, Process]:
    """All processes below `root`, by PID, but for those in `without` and theirs."""
    found: dict[int, Stat] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - names are enough
        if name.isdecimal():
            with contextlib.suppress(OSError, ValueError):
                found[int(name)] = read_stat(Path("/proc", name, "stat").read_bytes)
    children: dict[int, list[int]] = {}
    for pid, stat in found.items():
        children.setdefault(stat.parent, []).append(pid)
    out: dict[int, Process] = {}
    todo = [root]
    while todo:
        for pid in children.get(todo.pop(), ()):
            if pid not in without and pid not in out:
                out[pid] = Process(pid, found[pid].parent, not found[pid].ended, image_of(pid))
                todo.append(pid)
    return out


def image_of(pid: int) -> Identity | None:
    """The file that a process runs, also when its name is gone; None for a zombie, and while it executes another one."""
    try:
        status = os.stat(f"/proc/{pid}/exe")  # noqa: PTH116
    except OSError:
        return None
    return status.st_dev, status.st_ino


def end_all(root: int, *, without: Collection[int] = (), patience: float = 10.0) -> bool:
    """Kill everything below `root`, which adopts orphans, but for `without`, and reap it; whether all of it is gone."""
    deadline = time.monotonic() + patience
    while True:
        found = descendants(root, without)
        for pid in found:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(OSError):  # a child of somebody else here
                os.waitpid(pid, os.WNOHANG)
        if not found:
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)


def reap() -> dict[int, int]:
    """Wait for every child that has ended: PID -> wait status."""
    ended: dict[int, int] = {}
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            ended[pid] = status
    return ended


def holders(inode: int, pids: Collection[int]) -> list[int]:
    """Those of `pids` that have the socket `inode` open."""
    wanted = f"socket:[{inode}]"
    return [pid for pid in pids if wanted in _targets(pid)]


def _targets(pid: int) -> list[str]:
    found = []
    with contextlib.suppress(OSError):
        for fd in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208
            with contextlib.suppress(OSError):
                found.append(os.readlink(f"/proc/{pid}/fd/{fd}"))  # noqa: PTH115
    return found


def listeners(pids: Collection[int]) -> list[TcpSocket]:
    """The listening TCP sockets that `pids` have open."""
    rows = tcp_sockets(LISTEN)
    held = {target for pid in pids for target in _targets(pid)}
    return [row for row in rows if f"socket:[{row.inode}]" in held]


class Held(Struct, frozen=True):
    """What processes hold together. Memory in bytes; descriptors without established connections."""

    descriptors: int
    memory: int
    threads: int
    processes: int


def held(processes: dict[int, Process]) -> Held:
    """What `processes` hold; a zombie counts as a process."""
    connected = {f"socket:[{row.inode}]" for row in tcp_sockets(ESTABLISHED)}
    descriptors = memory = threads = 0
    for pid in processes:
        descriptors += sum(target not in connected for target in _targets(pid))
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open(f"/proc/{pid}/statm", "rb") as file:  # noqa: PTH123
                memory += int(file.read(200).split()[1]) * _PAGE
            threads += len(os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208
    return Held(descriptors, memory, threads, len(processes))


def resident(processes: dict[int, Process]) -> int:
    """The resident memory of `processes`, in bytes."""
    total = 0
    for pid in processes:
        with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{pid}/statm", "rb") as file:  # noqa: PTH123
            total += int(file.read(200).split()[1]) * _PAGE
    return total

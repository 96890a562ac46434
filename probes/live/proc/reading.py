"""`/proc/<pid>` -> ProcessFacts.

Source of the formats: proc(5), Linux `Documentation/filesystems/proc.rst`.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from probes.errors import ProbeError
from probes.live.proc.descriptors import read_descriptors, socket_inodes
from probes.live.proc.facts import (
    Capabilities,
    Credentials,
    Descriptor,
    Mapping,
    ProcessFacts,
    Thread,
    Throttling,
)
from probes.live.proc.folder import Folder, NoProcess, Unreadable, opened
from probes.live.proc.sock_diag import idle_milliseconds
from probes.live.proc.stat import MAX_STAT, Stat, read_stat
from probes.live.proc.supervision import read_supervision
from probes.live.proc.timers import Look, profile_timers, used_for_certain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Found = TypeVar("Found")

MAX_THREADS = 4096
MAX_WORDS = 65_536
"""Of a command line."""
MAX_GROUPS = 65536
"""NGROUPS_MAX of linux/limits.h."""
LOOKS = 4
LOOK_PAUSE = 0.01
IN_EXEC = 5.0
"""Seconds for which a process may be between two images: microseconds, but on a host that has no time for it."""

_DELETED = " (deleted)"
_CODE = re.compile(r"([0-9a-f]{1,16})-([0-9a-f]{1,16}) ..x. \S+ \S+ \S+ *(.*)")


def read_process(pid: int, *, root: str = "/proc", watch: bool = True, look: Look | None = None) -> ProcessFacts:
    """The facts of the process `pid`.

    Args:
        pid: of the process.
        root: where proc is mounted.
        watch: watch for a moment whether the threads that have a profile's timer use it, which says that a profile runs.
            Not where that is known already, nor where it is of no interest.
        look: a first look at those threads that was taken before, to spare that moment where nothing is seen.

    All of it is of one image: what a process that executed another one meanwhile was seen to have is looked at again, as it has
    no file and no descriptor then.

    Raises:
        NoProcess: there is none, or it ended meanwhile.
        Unreadable: not even its status may be read, or it stays between two images.
    """
    with opened(pid, root) as folder:
        return of_one_image(folder, lambda own: _facts(folder, own, pid, root, watch=watch, look=look))


def of_one_image(folder: Folder, find: Callable[[Stat], Found]) -> Found:
    """What `find`, which gets the process's `stat`, finds of one image.

    It is asked again where the process executed another one meanwhile: until that is there, it has no file, no descriptor, no command line
    and no environment, or only some of them.

    Raises:
        NoProcess: it has ended.
        Unreadable: it may not be looked at, or it stays between two images.
    """
    deadline = time.monotonic() + IN_EXEC
    while True:
        before = _stat(folder)
        with suppress(NoProcess):
            found = find(before)
            if before.runs_on(_stat(folder)):
                return found
        if before.of_kernel or _stat(folder).ended:
            raise NoProcess("the process has ended", subject=folder.subject, hint="what is left of it has no file")
        if time.monotonic() > deadline:
            raise Unreadable(
                f"it has been executing another image for {IN_EXEC:g} s",
                subject=folder.subject,
                hint="its first thread has ended, and others have not; ask again once the service is through with it",
            )
        time.sleep(LOOK_PAUSE)


def _stat(folder: Folder) -> Stat:
    return read_stat(lambda: folder.start_of("stat", MAX_STAT))


def _facts(  # noqa: PLR0913 - keywords, one a fact
    folder: Folder, own: Stat, pid: int, root: str, *, watch: bool, look: Look | None
) -> ProcessFacts:
    status = _fields(folder.text("status"))
    gaps: list[str] = []
    exe, deleted = _exe(folder, gaps)
    tids = sorted(int(name) for name in folder.names("task") if name.isdecimal())
    threads = _threads(folder, tids[:MAX_THREADS])
    descriptors, omitted = read_descriptors(folder, gaps)
    timers = profile_timers(folder, gaps)
    return ProcessFacts(
        pid=pid,
        started_ticks=own.started,
        parent=own.parent,
        parent_name=_comm(root, own.parent),
        parent_sockets=_sockets_of(root, own.parent),
        supervision=read_supervision(folder),
        namespace_pids=tuple(int(n) for n in status.get("NSpid", str(pid)).split()),
        exe=exe,
        exe_deleted=deleted,
        descriptors=descriptors,
        idle=_idle(folder, descriptors),
        threads=threads,
        code=_code(folder, gaps),
        signals_ignored=_mask(status, "SigIgn"),
        signals_caught=_mask(status, "SigCgt"),
        credentials=_credentials(status, _uid_map(folder)),
        profile_timers=None if timers is None else len(timers),
        profile_timers_used=used_for_certain(folder, timers, look) if timers and watch else 0,
        open_files_limit=_open_files(folder),
        throttling=_throttling(folder),
        gaps=tuple(gaps),
        omitted=omitted + max(len(tids) - MAX_THREADS, 0),
        threads_omitted=max(len(tids) - MAX_THREADS, 0),
        argv=command_line(folder),
    )


def command_line(folder: Folder) -> tuple[str, ...]:
    """Its command line. One that the program wrote over with a title of its own is one word."""
    try:
        text = folder.text("cmdline")
    except ProbeError:
        return ()
    return tuple(text.removesuffix("\0").split("\0", MAX_WORDS)[:MAX_WORDS]) if text else ()


def exe_path(pid: int, *, root: str = "/proc") -> str:
    """The path under which the file that `pid` runs can be opened, also after it has been replaced."""
    return f"{root}/{pid}/exe"


def _fields(text: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, _, value in pairs}


def _comm(root: str, pid: int) -> str:
    try:
        return Path(root, str(pid), "comm").read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _sockets_of(root: str, pid: int) -> frozenset[int]:
    try:
        with opened(pid, root) as folder:
            return socket_inodes(folder)
    except ProbeError:
        return frozenset()


def _exe(folder: Folder, gaps: list[str]) -> tuple[str, bool]:
    try:
        path = folder.link("exe")
    except Unreadable as exc:
        gaps.append(str(exc.what))
        return "", False
    return path.removesuffix(_DELETED), path.endswith(_DELETED)


def _mask(fields: dict[str, str], name: str) -> int:
    return int(fields.get(name, "0"), 16)


def _uid_map(folder: Folder) -> tuple[tuple[int, int, int], ...]:
    """How users of the process's user namespace are called in ours."""
    try:
        rows = [line.split() for line in folder.text("uid_map").splitlines()]
        return tuple((int(inside), int(outside), int(number)) for inside, outside, number in rows)
    except (ProbeError, ValueError):
        return ((0, 0, 1 << 32),)


def _credentials(fields: dict[str, str], mapped: tuple[tuple[int, int, int], ...]) -> Credentials:
    return Credentials(
        uid=_four(fields.get("Uid", "")),
        gid=_four(fields.get("Gid", "")),
        capabilities=Capabilities(
            *(_mask(fields, name) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))
        ),
        no_new_privs=fields.get("NoNewPrivs", "0") != "0",
        seccomp=int(fields.get("Seccomp", "0")),
        mapped_uids=mapped,
        groups=tuple(int(group) for group in fields.get("Groups", "").split()[:MAX_GROUPS]),
        seccomp_filters=int(fields["Seccomp_filters"]) if "Seccomp_filters" in fields else None,
    )


def _four(text: str) -> tuple[int, int, int, int]:
    real, effective, saved, files = (int(part) for part in text.split()[:4])
    return real, effective, saved, files


def _threads(folder: Folder, tids: list[int]) -> tuple[Thread, ...]:
    """The threads, without those that have ended since they were listed."""
    found: dict[int, dict[str, str]] = {}
    for tid in tids:
        with suppress(NoProcess):
            found[tid] = _fields(folder.text(f"task/{tid}/status"))
    waits = _places(folder, found)
    return tuple(
        Thread(tid, status.get("Name", ""), status.get("State", "?")[:1], waits.get(tid), _mask(status, "SigBlk"))
        for tid, status in found.items()
    )


def _places(folder: Folder, tids: Iterable[int]) -> dict[int, int]:
    """Where threads wait. Those that are running are looked at a few times, for most only run now and then."""
    found: dict[int, int] = {}
    running = list(tids)
    for attempt in range(LOOKS):
        if attempt and running:
            time.sleep(LOOK_PAUSE)
        still = []
        for tid in running:
            with suppress(ProbeError, ValueError):
                # "running", or: number, six arguments, stack pointer, program counter; -1 outside of a system call.
                parts = folder.text(f"task/{tid}/syscall").split()
                if len(parts) > 2:
                    found[tid] = int(parts[-1], 16)
                else:
                    still.append(tid)
        running = still
    return found


def _idle(folder: Folder, descriptors: Iterable[Descriptor] | None) -> dict[int, int] | None:
    """For how long the process's TCP connections have been idle; None where there are none, or the kernel does not tell."""
    inodes = {each.inode for each in descriptors or () if each.connection.startswith("tcp ")}
    return idle_milliseconds(folder, inodes) if inodes else None


def _code(folder: Folder, gaps: list[str]) -> tuple[Mapping, ...] | None:
    try:
        text = folder.text("maps")
    except Unreadable as exc:
        gaps.append(exc.what)
        return None
    matches = (_CODE.fullmatch(line) for line in text.splitlines())
    return tuple(Mapping(int(m[1], 16), int(m[2], 16), m[3].removesuffix(_DELETED)) for m in matches if m)


def _open_files(folder: Folder) -> tuple[str, str] | None:
    try:
        text = folder.text("limits")
    except ProbeError:
        return None
    for line in text.splitlines():
        if line.startswith("Max open files"):
            soft, hard = line.removeprefix("Max open files").split()[:2]
            return soft, hard
    return None


def _throttling(folder: Folder) -> Throttling | None:
    """What the process's cgroup v2 says; None without one, or where its folder is not mounted."""
    try:
        path = next((line[3:] for line in folder.text("cgroup").splitlines() if line.startswith("0::")), None)
        if path is None or ".." in path.split("/"):
            return None
        text = Path(f"/sys/fs/cgroup{path}/cpu.stat").read_text("ascii", "replace")
        fields = dict(line.split(maxsplit=1) for line in text.splitlines())
        return Throttling(
            int(fields["nr_periods"]), int(fields["nr_throttled"]), int(fields["throttled_usec"]) / 1_000_000
        )
    except (ProbeError, OSError, KeyError, ValueError):
        return None

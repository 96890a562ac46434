"""Limits of control groups and of the process -> room for a second image.

Source of the formats: Linux `Documentation/admin-guide/cgroup-v2.rst` and `cgroup-v1/memory.rst`; proc(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from probes.errors import ProbeError
from probes.live.proc.facts import ProcessFacts
from probes.live.proc.folder import Folder, opened
from probes.live.topics.room import MemoryRoom, RoomFacts, TaskRoom

SOURCE = "/proc"
GROUPS = "/sys/fs/cgroup"
MAX_DEPTH = 64
MAX_FILE = 1 << 16
_UNLIMITED = 1 << 60
"""cgroup v1 writes "no limit" as the largest number of pages."""
_KEPT = ("anon", "shmem", "kernel_stack", "pagetables", "sock", "slab_unreclaimable", "percpu")


def read_room(process: ProcessFacts, *, root: str = "/proc", groups: str = GROUPS) -> RoomFacts:
    """What is left for a second image of `process`.

    Raises:
        NoProcess: it has ended.
    """
    with opened(process.pid, root) as folder:
        status = dict(line.partition(":")[::2] for line in folder.text("status").splitlines())
        own = [_kilobytes(status.get(name, "")) for name in ("RssAnon", "RssShmem")]
        memory, tasks = _limits(folder, Path(groups))
        return RoomFacts(
            SOURCE,
            image=None if own[0] is None else own[0] + (own[1] or 0),
            threads=int(status.get("Threads", "0").strip() or 0),
            memory=memory,
            tasks=tasks,
            open_files=_open_files(process),
        )


def _kilobytes(text: str) -> int | None:
    fields = text.split()
    return int(fields[0]) * 1024 if fields and fields[0].isdecimal() else None


def _open_files(process: ProcessFacts) -> tuple[int, int] | None:
    limit = process.open_files_limit[0] if process.open_files_limit else ""
    if process.descriptors is None or not limit.isdigit():
        return None
    return len(process.descriptors) + process.omitted - process.threads_omitted, int(limit)


def _limits(folder: Folder, groups: Path) -> tuple[MemoryRoom | None, TaskRoom | None]:
    """The tightest limits of its groups and of all that hold them."""
    try:
        lines = [line.split(":", 2) for line in folder.text("cgroup").splitlines()]
    except ProbeError:
        return None, None
    memory: list[MemoryRoom] = []
    tasks: list[TaskRoom] = []
    for fields in lines:
        if len(fields) != 3 or ".." in fields[2].split("/"):
            continue  # outside of our own cgroup namespace
        controllers = fields[1].split(",")
        if fields[0] == "0":
            base = groups if (groups / "cgroup.controllers").exists() else groups / "unified"
            for group, place in _upwards(base, fields[2]):
                memory += _memory(group, place)
                tasks += _tasks(group, place)
        elif "memory" in controllers:
            for group, place in _upwards(groups / "memory", fields[2]):
                memory += _memory_v1(group, place)
        elif "pids" in controllers:
            for group, place in _upwards(groups / "pids", fields[2]):
                tasks += _tasks(group, place)
    return min(memory, key=lambda m: m.left, default=None), min(tasks, key=lambda t: t.left, default=None)


def _upwards(base: Path, path: str) -> Iterator[tuple[str, Path]]:
    """The group at `path` and those that hold it."""
    parts = [part for part in path.split("/") if part][:MAX_DEPTH]
    for depth in range(len(parts), -1, -1):
        yield "/" + "/".join(parts[:depth]), base.joinpath(*parts[:depth])


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE).decode("ascii", "replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isdecimal() else None


def _table(path: Path) -> dict[str, int]:
    out = {}
    for line in _text(path).splitlines():
        name, _, value = line.partition(" ")
        with suppress(ValueError):
            out[name] = int(value)
    return out


def _memory(group: str, place: Path) -> Iterator[MemoryRoom]:
    limit, used = _number(place / "memory.max"), _number(place / "memory.current")
    if limit is None or used is None:
        return
    table = _table(place / "memory.stat")
    kept = sum(table.get(name, 0) for name in _KEPT) if "anon" in table else used
    swap = (place / "memory.swap.max").exists() and _text(place / "memory.swap.max") != "0" and _has_swap()
    yield MemoryRoom(group, limit, min(kept, used), swap)


def _memory_v1(group: str, place: Path) -> Iterator[MemoryRoom]:
    limit, used = _number(place / "memory.limit_in_bytes"), _number(place / "memory.usage_in_bytes")
    if limit is None or used is None or limit >= _UNLIMITED:
        return
    table = _table(place / "memory.stat")
    both = _number(place / "memory.memsw.limit_in_bytes")
    swap = (both is None or both > limit) and _has_swap()
    yield MemoryRoom(group, limit, min(table.get("total_rss", used) + table.get("total_shmem", 0), used), swap)


def _tasks(group: str, place: Path) -> Iterator[TaskRoom]:
    limit, used = _number(place / "pids.max"), _number(place / "pids.current")
    if limit is not None and used is not None:
        yield TaskRoom(group, limit, used)


def _has_swap() -> bool:
    """Whether this host has any swap; yes where that cannot be read."""
    try:
        return len(Path("/proc/swaps").read_text("ascii", "replace").splitlines()) > 1
    except OSError:
        return True

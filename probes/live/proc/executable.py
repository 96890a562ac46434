"""`/proc/PID` and NEW -> which file the service would execute, and whether it may."""

from __future__ import annotations

import os
import stat
import struct
from contextlib import suppress
from pathlib import Path

from probes.errors import ProbeError
from probes.live.proc.facts import ProcessFacts
from probes.live.proc.folder import Folder, Unreadable, opened
from probes.live.proc.paths import follow, may_execute, mount_of
from probes.live.proc.privileges import FilePrivileges, read_file_privileges
from probes.live.proc.reading import exe_path
from probes.live.proc.stat import MAX_STAT, read_stat
from probes.live.topics.executable import ExecutableFacts, Held, StartPath

SOURCE = "/proc"
MAX_SEARCHED = 256
"""Folders of PATH."""
_PIECE = 1 << 20
_PT_INTERP = 3
_MAX_HEADERS = 512


def read_executable(
    process: ProcessFacts, new_path: str, *, exec_path: str = "", root: str = "/proc"
) -> ExecutableFacts:
    """What the service would execute, and whether it may execute NEW.

    Args:
        process: the running service.
        new_path: NEW, as we see it.
        exec_path: what the service is known to execute, as it sees it; "" where that is not known.
        root: where proc is mounted.

    Raises:
        NoProcess: the process has ended.
        Unreadable: its files may not be looked at, or NEW may not.
    """
    with opened(process.pid, root) as folder:
        inside = f"{root}/{process.pid}/root"
        try:
            new = os.stat(new_path)  # noqa: PTH116 - a plain call
            os.lstat(inside + "/")
        except OSError as exc:
            raise Unreadable(
                f"cannot look at its files ({exc.strerror})",
                subject=f"PID {process.pid}",
                hint="run as root, as the user that the service runs as, or with CAP_SYS_PTRACE",
            ) from exc
        paths = _candidates(folder, inside, process, exec_path)
        running = exe_path(process.pid, root=root)
        starts = tuple(_start(folder, inside, process, how, path, (new_path, running)) for how, path in paths)
        _same_process(folder, process)
        own = may_execute("", new_path, new, process.credentials)
        who = f"user {process.credentials.uid[3]}"
        mode = f"mode {stat.S_IMODE(new.st_mode):04o}, owner {new.st_uid}:{new.st_gid}"
        return ExecutableFacts(
            SOURCE,
            starts,
            refused="" if own.allowed else f"{who}, as which the service runs, may not execute it ({mode})",
            interpreter=_missing_interpreter(inside, new_path),
            lost=_differing(running, new_path),
            unsure=("NEW has an access control list, which was not evaluated",) if own.unsure else (),
        )


def _same_process(folder: Folder, process: ProcessFacts) -> None:
    """Raise Unreadable when the PID has been given to another process meanwhile."""
    if read_stat(lambda: folder.start_of("stat", MAX_STAT)).started != process.started_ticks:
        raise Unreadable("another process has its number now", subject=f"PID {process.pid}")


def _candidates(folder: Folder, inside: str, process: ProcessFacts, exec_path: str) -> list[tuple[str, str]]:
    """Paths that the service may execute, with what says so, the likeliest first."""
    here = _relative_to_root(folder, _link(folder, "cwd"))
    if exec_path:
        return [("the policy's live.exec_path", _joined(here, exec_path))]
    found: list[tuple[str, str]] = []
    first = process.argv[0] if process.argv else ""
    named = _named(folder, inside, here, first)
    if named:
        found.append(("argv[0]", named))
    if process.exe.startswith("/"):
        exe = _relative_to_root(folder, process.exe)
        if not named or follow(inside, named).path != exe:
            found.append(("the file that runs", exe))
    return found


def _link(folder: Folder, name: str) -> str:
    try:
        return folder.link(name)
    except ProbeError:
        return ""


def _relative_to_root(folder: Folder, path: str) -> str:
    """`path` as a process with another root directory in our mount namespace sees it."""
    above = _link(folder, "root").rstrip("/")
    if above and (path == above or path.startswith(above + "/")):
        return path[len(above) :] or "/"
    return path


def _joined(here: str, path: str) -> str:
    return path if path.startswith("/") else f"{here.rstrip('/')}/{path}"


def _named(folder: Folder, inside: str, here: str, word: str) -> str:
    """The path that `word`, as argv[0], names: "" where it leads to no file, as a name that the program gave itself."""
    if not word or len(word) > 4096:
        return ""
    choices = [_joined(here, word)] if "/" in word else [f"{each or here}/{word}" for each in _search_path(folder)]
    for choice in choices:
        found = follow(inside, choice)
        if found.info is not None and stat.S_ISREG(found.info.st_mode):
            return choice
    return ""


def _search_path(folder: Folder) -> list[str]:
    with suppress(ProbeError):
        for entry in folder.text("environ").split("\0"):
            if entry.startswith("PATH="):
                return entry.removeprefix("PATH=").split(":")[:MAX_SEARCHED]
    return []


def _start(  # noqa: PLR0913, PLR0917 - what all of it is about
    folder: Folder, inside: str, process: ProcessFacts, how: str, path: str, files: tuple[str, str]
) -> StartPath:
    found = follow(inside, path)
    obstacles, unsure = [], []
    who = f"user {process.credentials.uid[3]}, as which the service runs,"
    for name, info in found.folders:
        access = may_execute(inside, name, info, process.credentials)
        if not access.allowed:
            obstacles.append(f"{who} may not search {name}")
            break
        if access.unsure:
            unsure.append(f"{name} has an access control list, which was not evaluated")
    try:
        mount = mount_of(folder.text("mountinfo"), found.path)
    except Unreadable as exc:
        unsure.append(exc.what)
    else:
        if mount is not None and "noexec" in mount.options:
            obstacles.append(f"{mount.point} is mounted noexec")
    holds: Held = "nothing"
    if found.info is not None:
        holds = _held(inside + found.path, found.info, *files)
        own = may_execute(inside, found.path, found.info, process.credentials)
        if holds == "NEW" and not own.allowed:
            obstacles.append(f"{who} may not execute it (mode {stat.S_IMODE(found.info.st_mode):04o})")
    elif "ermission" in found.error:
        holds = "unknown"
    return StartPath(how, path, holds, tuple(obstacles), tuple(unsure))


def _held(path: str, info: os.stat_result, new: str, running: str) -> Held:
    if not stat.S_ISREG(info.st_mode):
        return "another program"
    names: tuple[tuple[Held, str], ...] = (("NEW", new), ("OLD", running))
    try:
        for name, other in names:
            if _equal(path, info, other):
                return name
    except OSError:
        return "unknown"
    return "another program"


def _equal(path: str, info: os.stat_result, other: str) -> bool:
    """Whether two files are one, or have the same contents."""
    theirs = os.stat(other)  # noqa: PTH116 - a plain call
    if os.path.samestat(info, theirs):
        return True
    if info.st_size != theirs.st_size or not stat.S_ISREG(theirs.st_mode):
        return False
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
    with open(os.open(path, flags), "rb") as first, Path(other).open("rb") as second:  # noqa: PTH123 - a descriptor
        left = info.st_size
        while left > 0:
            one, two = first.read(_PIECE), second.read(_PIECE)
            if one != two or not one:
                return False
            left -= len(one)
    return True


def _missing_interpreter(inside: str, new_path: str) -> str:
    """The interpreter that NEW asks for, where the service does not see it; "" otherwise."""
    wanted = _interpreter(new_path)
    if not wanted.startswith("/"):
        return ""
    found = follow(inside, wanted)
    return wanted if found.info is None and "ermission" not in found.error else ""


def _interpreter(path: str) -> str:
    """PT_INTERP of a 64-bit little-endian ELF file; "" without one, and for what is no such file."""
    try:
        with Path(path).open("rb") as file:
            head = file.read(64)
            if head[:6] != b"\x7fELF\x02\x01":
                return ""
            place, size, number = *struct.unpack_from("<Q", head, 32), *struct.unpack_from("<HH", head, 54)
            for index in range(min(number, _MAX_HEADERS)):
                file.seek(place + index * size)
                row = file.read(56)
                if len(row) == 56 and row[:4] == struct.pack("<I", _PT_INTERP):
                    offset, length = struct.unpack_from("<Q", row, 8)[0], struct.unpack_from("<Q", row, 32)[0]
                    file.seek(offset)
                    return file.read(min(length, 4096)).partition(b"\0")[0].decode("utf-8", "replace")
    except (OSError, OverflowError, ValueError):
        return ""
    return ""


def _differing(running: str, new_path: str) -> tuple[str, ...]:
    """What the files give by set-id bits and capabilities, where it is not the same."""
    try:
        old, new = read_file_privileges(running), read_file_privileges(new_path)
    except ProbeError:
        return ()
    if old == new:
        return ()
    return tuple(
        f"{name}: OLD's file has {_told(name, old)}, NEW's has {_told(name, new)}"
        for name in ("set-user-id", "set-group-id", "capabilities")
        if _told(name, old) != _told(name, new)
    )


def _told(name: str, file: FilePrivileges) -> str:
    match name:
        case "set-user-id":
            return "none" if file.setuid is None else f"that of user {file.setuid}"
        case "set-group-id":
            return "none" if file.setgid is None else f"that of group {file.setgid}"
        case _:
            if not file.has_capabilities:
                return "none"
            effective = ", effective" if file.effective else ""
            return f"{file.permitted:#x} permitted, {file.inheritable:#x} inheritable{effective}"

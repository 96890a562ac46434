"""One operation at a time on a service: a lock that the kernel takes away when its holder ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import struct
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from gate.apply.errors import ApplyError
from gate.report.text.clean import clean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FLOCK = struct.Struct("@hhqqi4x")
"""struct flock of fcntl(2) with 64-bit off_t: l_type, l_whence, l_start, l_len, l_pid."""
LOCK = "lock"
"""In the state folder of a service."""
MAX_NOTE = 300


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold the lock at `path` for `what`, such as `hotgate apply orders`.

    It is of fcntl(2)'s kind: neither a command that is run meanwhile nor a copy of this process inherits it.

    Raises:
        ApplyError: another process holds it; the message says which. Or the file cannot be made.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as exc:
        raise ApplyError(f"cannot make the lock ({exc.strerror}): {path}", hint="run as the folder's owner") from exc
    try:
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as exc:
            raise ApplyError(f"another operation is under way: {_holder(fd)}", hint="wait for its end") from exc
        except OSError as exc:
            raise ApplyError(f"cannot lock ({exc.strerror}): {path}") from exc
        with suppress(OSError):  # who holds it is a courtesy; a full disk takes it away
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()} {what}\n".encode("utf-8", "replace")[:MAX_NOTE], 0)
        yield
    finally:
        os.close(fd)


def is_held(path: Path) -> str:
    """Who holds the lock at `path`, in words; "" for nobody."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return ""
    try:
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind = _FLOCK.unpack(fcntl.fcntl(fd, fcntl.F_GETLK, asked))[0]
        return "" if kind == fcntl.F_UNLCK else _holder(fd)
    except OSError:
        return ""
    finally:
        os.close(fd)


def _holder(fd: int) -> str:
    """The process that has the lock, by the kernel, and what it noted."""
    noted, pid = "", 0
    with suppress(OSError, struct.error):
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = _FLOCK.unpack(fcntl.fcntl(fd, fcntl.F_GETLK, asked))
        pid = 0 if kind == fcntl.F_UNLCK else pid
        noted = os.pread(fd, MAX_NOTE, 0).decode("utf-8", "replace").strip()
    written, _, what = noted.partition(" ")
    what = clean(what) if written == str(pid) or pid <= 0 else ""
    return (
        f"{what or 'hotgate'} (PID {pid})" if pid > 0 else f"{what or 'hotgate'} (a process that this one cannot see)"
    )

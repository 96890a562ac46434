"""Files that are whole or not there: written beside their place, synced, and renamed."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from gate.release.errors import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Iterator

PART = ".hotgate-part-"
"""How the name of a file begins that is not whole yet."""

PIECE = 1 << 20


@contextmanager
def replacing(path: Path, *, mode: int = 0o644) -> Iterator[IO[bytes]]:
    """A file that gets the name `path` when the block ends without an error, on the disk by then; else nothing is left of it.

    Raises:
        OSError: the disk refuses.
    """
    handle, name = tempfile.mkstemp(prefix=PART, dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write `data` to `path`, whole or not at all.

    Raises:
        OSError: the disk refuses.
    """
    with replacing(path, mode=mode) as file:
        file.write(data)


def sync_folder(folder: Path) -> None:
    """Have the names in `folder` on the disk."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def read_bounded(path: Path, limit: int) -> bytes:
    """The bytes of the file at `path`.

    Raises:
        ReleaseError: it cannot be read, is no file, or is larger than `limit`.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            data = file.read(limit + 1) or b""
    except OSError as exc:
        raise ReleaseError("unreachable", f"cannot read ({exc.strerror})", subject=str(path)) from exc
    if len(data) > limit:
        raise ReleaseError("too-large", f"larger than {limit} bytes", subject=str(path))
    return data


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

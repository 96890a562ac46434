"""Read a file whole, once: its bytes and their digest always belong together."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING

from msgspec import Struct

from probes.errors import UnreadableFile

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    U8 = npt.NDArray[np.uint8]

MAX_FILE_SIZE = 4 << 30
"""Bytes. Larger than any Go program that was ever linked; a bound, not a target."""


class Source(Struct, frozen=True):
    """A file's bytes. `data` is a view of `buffer`, which is kept because only bytearray can be searched quickly.

    Nothing here needs numpy before `data` is asked for: a file is read and hashed while another thread imports numpy.
    """

    path: str
    buffer: bytearray
    sha256: str
    mode: int | None = None
    """Permission bits (st_mode & 0o7777) of the file that was read."""

    @property
    def data(self) -> U8:
        """The bytes as an array, without a copy."""
        import numpy as np  # noqa: PLC0415 - see above

        return np.frombuffer(self.buffer, dtype=np.uint8)

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return len(self.buffer)


def read_source(path: str) -> Source:
    """Read `path` into memory.

    The whole file is read rather than mapped: a file that shrinks while it is mapped ends the process with SIGBUS,
    and a digest of a mapping is not the digest of what was parsed.

    Raises:
        UnreadableFile: no such file, not a regular file, no permission, empty, or larger than `MAX_FILE_SIZE`.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as exc:
        raise UnreadableFile(
            _reason(exc), subject=path, hint="check the path; OLD and NEW are the two program files"
        ) from exc
    except ValueError as exc:  # an embedded NUL
        raise UnreadableFile("not a path", subject=repr(path)) from exc
    status = os.fstat(descriptor)
    if stat.S_ISDIR(status.st_mode):
        os.close(descriptor)
        raise UnreadableFile("is a directory", subject=path, hint="pass the program file inside it")
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableFile("not a regular file", subject=path, hint="pass the program file itself")
        if status.st_size == 0:
            raise UnreadableFile("empty file", subject=path, hint="the build that should have written it did not")
        if status.st_size > MAX_FILE_SIZE:
            raise UnreadableFile(
                f"larger than {MAX_FILE_SIZE >> 30} GiB", subject=path, hint="no Go program is; check the path"
            )
        try:
            buffer = bytearray(status.st_size)
            filled = _fill(file, buffer)
        except OSError as exc:
            raise UnreadableFile(_reason(exc), subject=path) from exc
        except MemoryError as exc:
            raise UnreadableFile(
                "larger than the memory that is left", subject=path, hint="the file is read whole; give it more memory"
            ) from exc
    if filled != len(buffer):
        raise UnreadableFile("shrank while it was read", subject=path, hint="wait until the build has finished")
    return Source(path, buffer, hashlib.sha256(buffer).hexdigest(), stat.S_IMODE(status.st_mode))


def _fill(file: object, buffer: bytearray) -> int:
    view = memoryview(buffer)
    filled = 0
    while filled < len(buffer):
        count = file.readinto(view[filled:])  # type: ignore[attr-defined]
        if not count:
            break
        filled += count
    return filled


def _reason(exc: OSError) -> str:
    return (exc.strerror or type(exc).__name__).lower()

"""The files of `/proc/<pid>`, for one process and no other.

Everything is read relative to one open descriptor of `/proc/<pid>`: when the process ends, reading fails, even if its number
has been given to another one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from probes.errors import ProbeError

MAX_FILE = 16 << 20
"""Bytes of one file in /proc; the largest is `maps`."""


class NoProcess(ProbeError):
    """There is no such process, or it ended while it was looked at."""


class Unreadable(ProbeError):
    """The kernel does not let us look at it."""


class Folder:
    """`/proc/<pid>`, open."""

    def __init__(self, fd: int, pid: int) -> None:
        self._fd, self._pid = fd, pid

    @property
    def fd(self) -> int:
        """The descriptor of `/proc/<pid>`, for those who read thousands of its files."""
        return self._fd

    @property
    def subject(self) -> str:
        """How errors call the process."""
        return f"PID {self._pid}"

    def text(self, name: str) -> str:
        """The contents of a file of it."""
        return self.start_of(name, MAX_FILE).decode("utf-8", "replace")

    def start_of(self, name: str, limit: int) -> bytes:
        """The first `limit` bytes of a file of it."""
        with self._guard(name):
            fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=self._fd)
            with open(fd, "rb") as file:  # noqa: PTH123 - a descriptor
                return file.read(limit)

    def names(self, name: str) -> list[str]:
        """What a directory of it holds."""
        with self._guard(name):
            fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._fd)
            try:
                return os.listdir(fd)  # noqa: PTH208 - a descriptor
            finally:
                os.close(fd)

    def link(self, name: str) -> str:
        """What a link of it says."""
        with self._guard(name):
            return os.readlink(name, dir_fd=self._fd)

    @contextmanager
    def _guard(self, name: str) -> Iterator[None]:
        try:
            yield
        except (ProcessLookupError, FileNotFoundError) as exc:
            raise NoProcess("the process has ended", subject=self.subject, hint=f"{name} is gone") from exc
        except OSError as exc:
            raise Unreadable(
                f"cannot read {name} ({exc.strerror})",
                subject=self.subject,
                hint="run as the user that the service runs as, or as root",
            ) from exc


@contextmanager
def opened(pid: int, root: str) -> Iterator[Folder]:
    """`/proc/<pid>` of the process `pid`.

    Raises:
        NoProcess: there is none.
        Unreadable: it may not be looked at.
    """
    try:
        fd = os.open(f"{root}/{pid}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError) as exc:
        raise NoProcess(
            "no such process", subject=f"PID {pid}", hint="is the service running on this host, in this PID namespace?"
        ) from exc
    except OSError as exc:
        raise Unreadable(f"cannot look at the process ({exc.strerror})", subject=f"PID {pid}") from exc
    try:
        yield Folder(fd, pid)
    finally:
        os.close(fd)

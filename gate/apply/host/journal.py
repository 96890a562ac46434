"""The journal of a host: each stage before it begins and after it ends, one line of JSON each, on the disk before anything goes on.

It is in the service's state folder, so that it is there when the store is not: what a killed operation was about is read from here.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from msgspec import MsgspecError, Struct, convert, to_builtins

from gate.apply.errors import ApplyError

if TYPE_CHECKING:
    from pathlib import Path

JOURNAL = "journal.jsonl"
"""In the state folder of a service."""
OPERATION = "operation"
"""The stage that stands for all of it: its `begin` is the first line, its `end` the last."""
MAX_BYTES = 4 << 20
"""Read of a journal; hotgate itself writes less."""
MAX_SIZE = 256 << 10
"""Beyond it the oldest operations are left out, at the beginning of the next one."""
REMEMBERED = 50
"""Operations that stay."""


class Line(Struct, frozen=True):
    """One event. `operation` names what it belongs to; `number` counts in it; `at` is UTC; `facts` is JSON.

    The first line of an operation is the event `begin` of the stage `operation`, the last its `end`.
    """

    operation: str
    number: int
    at: str
    kind: str
    stage: str
    event: str
    facts: dict[str, Any]


class Journal:
    """The file at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> list[Line]:
        """All events that are whole, oldest first. What is no line of ours is left out.

        Raises:
            ApplyError: the file is there and cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(max(0, size - MAX_BYTES))
                data = file.read(MAX_BYTES)
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise ApplyError(f"cannot read the journal ({exc.strerror}): {self.path}") from exc
        found = []
        for raw in data.split(b"\n")[:-1]:  # what follows the last line feed was not written to its end
            try:
                found.append(convert(json.loads(raw), Line))
            except (ValueError, MsgspecError, RecursionError):
                continue
        return found

    def append(self, line: Line) -> None:
        """Write `line`; it is on the disk when this returns.

        Raises:
            OSError: it is not, and nothing of it counts.
        """
        data = json.dumps(to_builtins(line), ensure_ascii=True).encode("ascii") + b"\n"
        fresh = not self.path.exists()
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            size = os.fstat(fd).st_size
            start = _whole(fd, size)
            if start < size:  # a line that a crash or a full disk cut off
                os.ftruncate(fd, start)
            written = 0
            while written < len(data):
                written += os.pwrite(fd, data[written:], start + written)
            os.fsync(fd)
        finally:
            os.close(fd)
        if fresh:
            sync_folder(self.path.parent)

    def shorten(self) -> None:
        """Leave out the oldest operations of a journal that has grown. A disk without room for that leaves it as it is."""
        try:
            if self.path.stat().st_size <= MAX_SIZE:
                return
            lines = self.lines()
            names = list(dict.fromkeys(line.operation for line in lines))[-REMEMBERED:]
            kept = [line for line in lines if line.operation in set(names)]
            beside = self.path.with_name(f"{self.path.name}.new")
            with beside.open("wb") as file:
                for line in kept:
                    file.write(json.dumps(to_builtins(line), ensure_ascii=True).encode("ascii") + b"\n")
                file.flush()
                os.fsync(file.fileno())
            beside.chmod(0o600)
            beside.replace(self.path)
            sync_folder(self.path.parent)
        except OSError:
            return


def _whole(fd: int, size: int) -> int:
    """The offset behind the last line feed; `size` where the file ends with one."""
    end = size
    while end > 0:
        start = max(0, end - 4096)
        at = os.pread(fd, end - start, start).rfind(b"\n")
        if at >= 0:
            return start + at + 1
        end = start
    return 0


def sync_folder(folder: Path) -> None:
    """Have the names in `folder` on the disk. OSError where it cannot be done."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

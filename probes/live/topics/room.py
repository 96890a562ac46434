"""Room for a second image beside the first."""

from __future__ import annotations

from msgspec import Struct

from probes.wording import count

MIB = 1 << 20


class MemoryRoom(Struct, frozen=True):
    """The control group with the least room. Bytes.

    `held`: what the kernel cannot take back from it; `reclaimable` caches are not counted. `swap`: it may swap, so that more fits.
    """

    group: str
    limit: int
    held: int
    swap: bool

    @property
    def left(self) -> int:
        """What can still be given out; never below 0."""
        return max(self.limit - self.held, 0)


class TaskRoom(Struct, frozen=True):
    """The control group with the least room for processes and threads."""

    group: str
    limit: int
    used: int

    @property
    def left(self) -> int:
        """How many may still start."""
        return max(self.limit - self.used, 0)


class RoomFacts(Struct, frozen=True):
    """What is left of memory, descriptors and processes, and what the running image has of each.

    `image`: bytes of memory that are the process's own (RssAnon and RssShmem of proc(5)), which a second image like it needs.
    `memory` and `tasks` are None where no group has a limit, `open_files` where the limit or the number is not known:
    (open, soft limit).
    """

    source: str
    image: int | None
    threads: int
    memory: MemoryRoom | None = None
    tasks: TaskRoom | None = None
    open_files: tuple[int, int] | None = None

    def summary(self) -> str:
        """What it comes to, in words."""
        own = (
            f"the image has {self.image / MIB:,.1f} MiB" if self.image is not None else "the image's memory is unknown"
        )
        parts = [f"{own} and {count(self.threads, 'thread')}"]
        parts.append("no memory limit" if self.memory is None else f"{self.memory.left // MIB:,} MiB left")
        if self.tasks is not None:
            parts.append(f"{self.tasks.left:,} tasks left")
        if self.open_files is not None:
            parts.append(f"{self.open_files[0]:,} of {self.open_files[1]:,} descriptors open")
        return ", ".join(parts)

"""Virtual addresses to bytes: the image as the loader would map it, with relative relocations applied."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from probes.elf.headers import PF_W, PF_X, Elf, Segment
from probes.errors import MalformedTable

U8 = npt.NDArray[np.uint8]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]


class Span(Struct, frozen=True):
    """A file-backed run of addresses: `start`, `end` virtual, `offset` in the file, all in bytes."""

    start: int
    end: int
    offset: int
    executable: bool
    writable: bool


class Image:
    """The loadable bytes of one file by virtual address.

    `data` is the whole file, shape (size,), uint8; relocations write into it, so a word that is read from it is what
    a process would see with load bias 0. `spans` are the file-backed parts of the PT_LOAD segments, sorted, and
    `zero` the parts that the loader fills with zeros (.bss). `external`: words that the loader fills in, with the symbol;
    `relocated`: the addresses of those that relocations made here, in pieces.
    """

    __slots__ = ("_words", "buffer", "data", "elf", "external", "path", "relocated", "spans", "zero")

    def __init__(self, elf: Elf, buffer: bytearray, data: U8) -> None:
        self.elf = elf
        self.path = elf.path
        self.buffer = buffer
        self.data = data
        loads = sorted((s for s in elf.segments if s.kind == "PT_LOAD"), key=lambda s: s.vaddr)
        self.spans = tuple(_span(s) for s in loads if s.filesz)
        self.zero = tuple((s.vaddr + s.filesz, s.vaddr + s.memsz) for s in loads if s.memsz > s.filesz)
        self.external: dict[int, str] = {}
        self.relocated: list[I64] = []
        self._words: U64 | None = None

    @property
    def arch(self) -> str:
        """Go's name of the machine: amd64 or arm64."""
        return self.elf.arch

    def span(self, address: int) -> Span | None:
        """The file-backed run that holds `address`, or None."""
        for span in self.spans:
            if span.start <= address < span.end:
                return span
        return None

    def mapped(self, address: int) -> bool:
        """Whether `address` is part of the image at all, zero-filled parts included."""
        return self.span(address) is not None or any(start <= address < end for start, end in self.zero)

    def maps(self, addresses: I64) -> npt.NDArray[np.bool_]:
        """Which of `addresses` are part of the image at all, shape (n,)."""
        out = np.zeros(addresses.shape, dtype=np.bool_)
        for start, end in (*((s.start, s.end) for s in self.spans), *self.zero):
            out |= (addresses >= start) & (addresses < end)
        return out

    def offset(self, address: int, size: int) -> int:
        """File offset of `size` bytes at `address`.

        Raises:
            MalformedTable: the range is not wholly inside one file-backed run.
        """
        span = self.span(address)
        if span is None or size < 0 or address + size > span.end:
            raise MalformedTable(
                f"{size} bytes at address {address:#x} are outside of the image",
                subject=self.path,
                hint="the file is damaged, or was changed after linking",
            )
        return span.offset + address - span.start

    def bytes(self, address: int, size: int) -> U8:
        """A view of `size` bytes at `address`, shape (size,), uint8. Raises MalformedTable as `offset` does."""
        offset = self.offset(address, size)
        return self.data[offset : offset + size]

    def u64(self, address: int) -> int:
        """The little-endian word at `address`."""
        offset = self.offset(address, 8)
        return int.from_bytes(self.buffer[offset : offset + 8], "little")

    def u32(self, address: int) -> int:
        """The little-endian 32-bit word at `address`."""
        offset = self.offset(address, 4)
        return int.from_bytes(self.buffer[offset : offset + 4], "little")

    def u32s(self, address: int, count: int) -> U32:
        """`count` little-endian 32-bit words at `address`, shape (count,)."""
        raw = self.bytes(address, 4 * count)
        return cast("U32", np.frombuffer(raw.tobytes(), dtype="<u4"))

    def u64s(self, address: int, count: int) -> U64:
        """`count` little-endian words at `address`, shape (count,)."""
        raw = self.bytes(address, 8 * count)
        return cast("U64", np.frombuffer(raw.tobytes(), dtype="<u8"))

    def cstring(self, address: int, limit: int = 4096) -> str:
        """The NUL-terminated string at `address`, at most `limit` bytes of it."""
        span = self.span(address)
        if span is None:
            raise MalformedTable(f"no string at address {address:#x}", subject=self.path)
        offset = span.offset + address - span.start
        stop = min(offset + limit, span.offset + span.end - span.start)
        end = self.buffer.find(b"\0", offset, stop)
        return bytes(self.buffer[offset : end if end >= 0 else stop]).decode("utf-8", "replace")

    def offsets(self, addresses: I64, size: int) -> I64:
        """File offsets of `size` bytes at each of `addresses`, shape (n,); -1 where they are not file-backed."""
        out = np.full(addresses.shape, -1, dtype=np.int64)
        for span in self.spans:
            inside = (addresses >= span.start) & (addresses <= span.end - size)
            np.copyto(out, addresses + (span.offset - span.start), where=inside)
        return out

    @property
    def words(self) -> U64:
        """The file as aligned little-endian words, shape (size // 8,)."""
        if self._words is None:
            self._words = self.data[: self.data.size // 8 * 8].view("<u8")
        return self._words

    def find_word(self, value: int, *, executable: bool = False, limit: int = 256) -> list[int]:
        """Addresses of the aligned words that equal `value`, at most `limit` of them.

        Executable segments are searched only if asked for, and then last.
        """
        found: list[int] = []
        for span in sorted(self.spans, key=lambda s: s.executable):
            if span.executable and not span.writable and not executable:
                continue
            first, last = (span.offset + 7) // 8, (span.offset + span.end - span.start) // 8
            hits = np.flatnonzero(self.words[first:last] == np.uint64(value)) + first
            found += [span.start + int(hit) * 8 - span.offset for hit in hits[: limit - len(found)]]
            if len(found) >= limit:
                break
        return found


def _span(segment: Segment) -> Span:
    return Span(
        start=segment.vaddr,
        end=segment.vaddr + segment.filesz,
        offset=segment.offset,
        executable=bool(segment.flags & PF_X),
        writable=bool(segment.flags & PF_W),
    )

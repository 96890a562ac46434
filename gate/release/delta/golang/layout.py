"""What a reader of references has to know of an image: where code, words and tables are, and what the offsets in them count from.

It is part of the delta, for both images: who applies a delta has to parse no Go program, and reads what the maker read whatever the version
of hotgate is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from gate.release.errors import ReleaseError

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_CODE, AMD64, ARM64 = range(3)
MOST_SPANS = 64
MOST_COLUMNS = 64
MOST_WORDS = 64
ADDRESS_LIMIT = 1 << 48
MOST_BYTES = 256 << 20
"""Of an image: to apply a delta takes about twelve times as much memory. Larger ones get a delta of another kind."""


class Span(Struct, frozen=True, array_like=True):
    """Addresses from `start` on, `size` bytes; `offset` in the file, -1 where the loader fills them with zeros."""

    start: int
    size: int
    offset: int


class Column(Struct, frozen=True, array_like=True):
    """Offsets of 32 bits in a table: the first at `offset` in the file, `count` of them, `stride` bytes apart.

    A value stands for the address `base + value * scale`; 0 and 0xFFFFFFFF for none where `nullable`.
    """

    offset: int
    count: int
    stride: int
    base: int
    scale: int = 1
    nullable: bool = False


class Functions(Struct, frozen=True, array_like=True):
    """The records of functions (runtime._func): where in the file they begin is `offset` plus a word of each of the `count` entries of the table at `ftab`.

    `size`: bytes of all records. `fixed`: (place in the record, base, nullable) of 32-bit offsets; `npcdata` and `nfuncdata` are the places of a
    record's numbers of offsets behind its `length` bytes: those from `pctab`, then those from `gofunc`. `inline`: which of the latter is the
    inlining tree, whose entries have a name's offset from `names` every 16 bytes.
    """

    ftab: int
    count: int
    offset: int
    size: int
    length: int
    fixed: tuple[tuple[int, int, bool], ...]
    npcdata: int
    nfuncdata: int
    pctab: int
    gofunc: int
    inline: int
    names: int


class Types(Struct, frozen=True, array_like=True):
    """The type descriptors: `size` bytes at `offset`, at the address `base`; `map_size`: bytes of a map's descriptor before its uncommon record."""

    offset: int
    size: int
    base: int
    map_size: int


class Layout(Struct, frozen=True, array_like=True):
    """One image, see the module. `text`, `words` and `lookup`, the table of `runtime.findfunc`, are (offset, size) in the file."""

    machine: int
    size: int
    spans: tuple[Span, ...]
    text: tuple[int, int]
    words: tuple[tuple[int, int], ...]
    columns: tuple[Column, ...] = ()
    functions: Functions | None = None
    types: Types | None = None
    text_base: int = 0
    lookup: tuple[int, int] = (0, 0)

    def check(self) -> None:
        """Refuse what leads out of the image.

        Raises:
            ReleaseError: it does.
        """
        ranges = [
            self.text,
            self.lookup,
            *self.words,
            *((span.offset, span.size) for span in self.spans if span.offset >= 0),
        ]
        good = 0 <= self.machine <= ARM64 and 0 <= self.size <= MOST_BYTES and 0 <= self.text_base < ADDRESS_LIMIT
        good &= len(self.spans) <= MOST_SPANS and len(self.columns) <= MOST_COLUMNS and len(self.words) <= MOST_WORDS
        good &= all(
            span.start >= 0 and 0 <= span.size < ADDRESS_LIMIT and span.start + span.size < ADDRESS_LIMIT
            for span in self.spans
        )
        good &= all(span.offset >= -1 for span in self.spans)
        for each in self.columns:
            ranges.append((each.offset, max(0, each.count - 1) * each.stride + 4))
            good &= (
                each.count >= 0
                and 4 <= each.stride <= 1 << 10
                and each.scale in (1, 4)
                and 0 <= each.base < ADDRESS_LIMIT
            )
        if self.functions is not None:
            table = self.functions
            ranges += [(table.ftab, table.count * 8), (table.offset, table.size)]
            good &= table.count >= 0 and 4 <= table.length <= 128 and len(table.fixed) <= 16 and 0 <= table.inline < 16
            good &= all(0 <= place <= table.length - 4 for place in (*(each[0] for each in table.fixed), table.npcdata))
            good &= 0 <= table.nfuncdata < table.length
            good &= all(0 <= each[1] < ADDRESS_LIMIT for each in table.fixed)
            good &= all(0 <= base < ADDRESS_LIMIT for base in (table.pctab, table.gofunc, table.names))
        if self.types is not None:
            ranges.append((self.types.offset, self.types.size))
            good &= 0 <= self.types.base < ADDRESS_LIMIT and 48 <= self.types.map_size <= 256
        good &= all(0 <= offset <= offset + size <= self.size for offset, size in ranges)
        if not good:
            raise ReleaseError("malformed", "not a delta: it leads out of the image")

    def is_like(self, other: Layout) -> bool:
        """Whether the two have the same tables in the same order, so that what is of one stands for what is of the other."""
        tables = (self.functions, self.types), (other.functions, other.types)
        return (
            self.machine == other.machine
            and len(self.columns) == len(other.columns)
            and [each is None for each in tables[0]] == [each is None for each in tables[1]]
            and (
                self.functions is None
                or other.functions is None
                or len(self.functions.fixed) == len(other.functions.fixed)
            )
        )

    def offsets(self, addresses: NDArray[np.int64]) -> NDArray[np.int64]:
        """Addresses as offsets in the file; -1 for those that have none."""
        out = np.full(addresses.shape, -1, np.int64)
        for span in self.spans:
            if span.offset >= 0:
                inside = (addresses >= span.start) & (addresses < span.start + span.size)
                out[inside] = addresses[inside] - span.start + span.offset
        return out

    def addresses(self, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
        """Offsets in the file as addresses; -1 for those that have none."""
        out = np.full(offsets.shape, -1, np.int64)
        for span in self.spans:
            if span.offset >= 0:
                inside = (offsets >= span.offset) & (offsets < span.offset + span.size)
                out[inside] = offsets[inside] - span.offset + span.start
        return out

    def maps(self, addresses: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which addresses are part of the image; the one behind a span's last byte is, too: ends are written like that."""
        out = np.zeros(addresses.shape, np.bool_)
        for span in self.spans:
            out |= (addresses >= span.start) & (addresses <= span.start + span.size)
        return out

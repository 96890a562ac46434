"""The dynamic symbols as the loader finds them: DT_SYMTAB, as many as the hash table covers, with their versions.

The section headers are not asked, but for the number of symbols that are only needed: the loader does not ask them
either. Sources: ELF gABI chapter 5; glibc `elf/dl-lookup.c` and `sysdeps/generic/ldsodefs.h` for the GNU hash table.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from probes.elf.image import Image
from probes.elf.symbols import SYM, SymbolTable
from probes.errors import MalformedTable

DT_HASH, DT_STRTAB, DT_SYMTAB, DT_STRSZ = 4, 5, 6, 10
DT_GNU_HASH, DT_VERSYM = 0x6FFFFEF5, 0x6FFFFFF0
MAX_SYMBOLS = 1 << 20
"""More than any shared object has; a bound, not a target."""

U16 = npt.NDArray[np.uint16]


class DynamicSymbols(Struct, frozen=True):
    """The table, and the version index of each symbol, shape (n,); None in an image without versions."""

    table: SymbolTable
    versions: U16 | None


def read_dynamic_symbols(image: Image, tags: dict[int, int]) -> DynamicSymbols | None:
    """The dynamic symbols; None for an image without any.

    Raises:
        MalformedTable: a table leads outside of the image, or names more symbols than any library has.
    """
    begin, strings = tags.get(DT_SYMTAB, 0), tags.get(DT_STRTAB, 0)
    if not begin or not strings:
        return None
    count = max(_hashed(image, tags), _listed(image, begin))
    if count > MAX_SYMBOLS:
        raise MalformedTable(f"{count:,} dynamic symbols are more than hotgate reads", subject=image.path)
    raw = np.frombuffer(image.bytes(begin, count * SYM.itemsize).tobytes(), dtype=SYM)
    table = SymbolTable(raw, image.bytes(strings, tags.get(DT_STRSZ, 0)).tobytes())
    if not tags.get(DT_VERSYM):
        return DynamicSymbols(table, None)
    versions = np.frombuffer(image.bytes(tags[DT_VERSYM], 2 * count).tobytes(), dtype="<u2")
    return DynamicSymbols(table, versions)


def _listed(image: Image, begin: int) -> int:
    """Symbols by the section header, where there is one for the table that the loader uses."""
    header = image.elf.section(".dynsym")
    return header.size // SYM.itemsize if header is not None and header.addr == begin else 0


def _hashed(image: Image, tags: dict[int, int]) -> int:
    if tags.get(DT_HASH):
        return image.u32(tags[DT_HASH] + 4)  # nchain is the number of symbols
    if not tags.get(DT_GNU_HASH):
        return 0
    table = tags[DT_GNU_HASH]
    nbuckets, symoffset, bloom_size, _ = image.u32s(table, 4).tolist()
    buckets = table + 16 + 8 * bloom_size
    last = int(image.u32s(buckets, nbuckets).max(initial=0))
    if last < symoffset:
        return int(symoffset)
    # The highest bucket's chain is the last one: it ends at the first odd hash.
    at = buckets + 4 * nbuckets + 4 * (last - symoffset)
    span = image.span(at)
    if span is None:
        raise MalformedTable("the hash table of symbols leads outside of the image", subject=image.path)
    chain = image.u32s(at, min((span.end - at) // 4, MAX_SYMBOLS))
    ends = np.flatnonzero(chain & 1)
    if not ends.size:
        raise MalformedTable("the hash table of symbols does not end", subject=image.path)
    return last + int(ends[0]) + 1

"""Dynamic relocations: apply those that do not depend on where or with what the image is loaded.

Sources: ELF gABI chapter 5, the x86-64 and AArch64 psABI relocation tables, and the RELR proposal of the gABI list.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from probes.elf.image import I64, U64, Image
from probes.elf.raw_headers import typed_errors
from probes.elf.symbols import EMPTY, SYM, SymbolTable, read_symbols
from probes.errors import MalformedElf

RELA = np.dtype([("offset", "<u8"), ("info", "<u8"), ("addend", "<i8")])  # 24, Elf64_Rela

MAX_TAGS = 4096

DT_PLTRELSZ, DT_RELA, DT_RELASZ, DT_JMPREL = 2, 7, 8, 23
DT_STRTAB, DT_SYMTAB, DT_STRSZ = 5, 6, 10
DT_RELRSZ, DT_RELR = 35, 36
RELR_BITS = 63


class _Types(Struct, frozen=True):
    relative: int
    absolute: int
    glob_dat: int
    jump_slot: int


_TYPES = {
    "amd64": _Types(relative=8, absolute=1, glob_dat=6, jump_slot=7),
    "arm64": _Types(relative=1027, absolute=257, glob_dat=1025, jump_slot=1026),
}


def dynamic_entries(image: Image) -> list[tuple[int, int]]:
    """The dynamic section as (tag, value) pairs, up to DT_NULL; empty for a static image.

    Raises:
        MalformedTable: PT_DYNAMIC lies outside of what is loaded.
    """
    segment = next((s for s in image.elf.segments if s.kind == "PT_DYNAMIC" and s.filesz), None)
    if segment is None:
        return []
    count = min(segment.filesz // 16, MAX_TAGS)
    words = image.u64s(segment.vaddr, 2 * count).tolist()
    return list(itertools.takewhile(lambda pair: pair[0] != 0, zip(words[::2], words[1::2], strict=True)))


def dynamic_tags(image: Image) -> dict[int, int]:
    """The first value of each tag of the dynamic section, by tag number; empty for a static image."""
    return dict(reversed(dynamic_entries(image)))


def dynamic_symbols(image: Image) -> SymbolTable:
    """The symbols that relocations name: `.dynsym`, or what DT_SYMTAB leads to when the section headers are gone.

    DT_SYMTAB has no count. Linkers put the strings behind the symbols; else they may go on to the segment's end.
    """
    found = read_symbols(image, ".dynsym")
    tags = dynamic_tags(image)
    begin, strings = tags.get(DT_SYMTAB, 0), tags.get(DT_STRTAB, 0)
    span = image.span(begin)
    if found is not None or not begin or span is None:
        return found or EMPTY
    stop = strings if begin < strings < span.end else span.end
    raw = np.frombuffer(image.bytes(begin, (stop - begin) // SYM.itemsize * SYM.itemsize).tobytes(), dtype=SYM)
    return SymbolTable(raw, image.bytes(strings, tags.get(DT_STRSZ, 0)).tobytes())


def apply_relocations(image: Image, dynsym: SymbolTable) -> None:
    """Write what relative and locally bound relocations give into `image.data`; note the external ones by address.

    Raises:
        MalformedElf: a relocation table or a relocated word lies outside of the file.
    """
    tags = dynamic_tags(image)
    kinds = _TYPES[image.arch]
    with typed_errors(image.path, "relocations"):
        for table, size in ((DT_RELA, DT_RELASZ), (DT_JMPREL, DT_PLTRELSZ)):
            if tags.get(table) and tags.get(size):
                count = tags[size] // RELA.itemsize
                raw = image.bytes(tags[table], count * RELA.itemsize)
                _apply_rela(image, np.frombuffer(raw.tobytes(), dtype=RELA), kinds, dynsym)
        if tags.get(DT_RELR) and tags.get(DT_RELRSZ):
            entries = image.u64s(tags[DT_RELR], tags[DT_RELRSZ] // 8)
            if entries.size * 8 > image.data.size // 16:
                # A table that names every word of the file once is 1/64 of it.
                raise MalformedElf("the packed relocations name more words than there are", subject=image.path)
            targets = _relr(entries)
            _check(image, targets)  # the addend of a RELR relocation is already in place
            image.relocated.append(targets)


def _apply_rela(image: Image, rela: npt.NDArray[np.void], kinds: _Types, dynsym: SymbolTable) -> None:
    types = (rela["info"] & 0xFFFFFFFF).astype(np.int64)
    relative = types == kinds.relative
    _store(image, rela["offset"][relative].astype(np.int64), rela["addend"][relative].view("<u8"))
    rest = rela[np.isin(types, (kinds.absolute, kinds.glob_dat, kinds.jump_slot))]
    if not len(rest):
        return
    index = (rest["info"] >> np.uint64(32)).astype(np.int64)
    if index.max() >= len(dynsym):
        raise MalformedElf("a relocation names a symbol that does not exist", subject=image.path)
    value, defined = dynsym.value[index], dynsym.section[index] != 0
    targets = rest["offset"].astype(np.int64)
    _store(image, targets[defined], value[defined] + rest["addend"].view("<u8")[defined])
    for address, symbol in zip(targets[~defined].tolist(), index[~defined].tolist(), strict=True):
        image.external[address] = dynsym.name(symbol)


def _relr(entries: U64) -> I64:
    """The addresses of packed relative relocations: an even word is one, an odd word is a bitmap of the 63 after it."""
    if not entries.size:
        return np.zeros(0, dtype=np.int64)
    row = np.arange(entries.size)
    is_address = entries & 1 == 0
    last = np.maximum.accumulate(np.where(is_address, row, -1))
    begin = np.where(last >= 0, entries[last] + np.uint64(8), np.uint64(0))
    base = begin + ((row - last - 1) * 8 * RELR_BITS).astype(np.uint64)
    bits = np.unpackbits(
        (entries & ~np.uint64(1)).astype("<u8").view(np.uint8).reshape(-1, 8), axis=1, bitorder="little"
    )
    bits[is_address] = 0
    at, bit = np.nonzero(bits)
    found = np.concatenate((entries[is_address], base[at] + (8 * (bit - 1)).astype(np.uint64)))
    return np.sort(found).view(np.int64)


def _check(image: Image, targets: I64) -> I64:
    offsets = image.offsets(targets, 8)
    if len(offsets) and int(offsets.min()) < 0:
        bad = int(targets[int(np.argmin(offsets))])
        raise MalformedElf(f"a relocation writes to {bad:#x}, outside of the image", subject=image.path)
    return offsets


def _store(image: Image, targets: I64, values: U64) -> None:
    offsets = _check(image, targets)
    image.relocated.append(targets)
    aligned = offsets % 8 == 0
    if bool(aligned.all()):
        inside = offsets < image.words.size * 8
        image.words[offsets[inside] // 8] = values[inside]
        offsets, values = offsets[~inside], values[~inside]
    raw = np.ascontiguousarray(values, dtype="<u8").view(np.uint8).reshape(-1, 8)
    image.data[offsets[:, None] + np.arange(8)] = raw

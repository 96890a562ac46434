"""Find and decode the function table's header (runtime.pcHeader) and the module data that points at it.

The header is found by section, by symbol, by magic, and last by structure: module data begins with a pointer to the
header and then one to the name table, and the header holds the distance between the two. That last way also finds
tables whose magic was made unreadable on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from msgspec import Struct

from probes.elf.headers import SHF_ALLOC
from probes.elf.image import U64, Image
from probes.elf.symbols import SymbolTable
from probes.errors import MalformedTable, ProbeError
from probes.go.module import layouts as lay

MAX_FUNCTIONS = 1 << 24
ADDRESS_LIMIT = 1 << 62
MAX_SECTIONS = 4
MAX_HEADERS = 16
MAX_CANDIDATES = 64
"""Places that are tried for the table. A healthy file has one section, one header and one pointer to it; the bounds
keep a file that is full of decoys from being searched once for each."""


class Slice(Struct, frozen=True):
    """A Go slice header: address and length in elements."""

    ptr: int
    len: int


class ModuleData(Struct, frozen=True):
    """runtime.moduledata of the (only) module in a file. Addresses are virtual, `layout` says which offsets were used."""

    address: int
    header: int
    layout: lay.ModuleLayout
    magic: int
    by_structure: bool
    """Go's version did not decide the layout; the structure did."""
    funcnametab: Slice
    cutab: Slice
    filetab: Slice
    pctab: Slice
    pclntable: Slice
    ftab: Slice
    minpc: int
    maxpc: int
    text: int
    etext: int
    data: tuple[tuple[int, int], ...]
    """[noptrdata, enoptrdata) and [data, edata)."""
    bss: tuple[tuple[int, int], ...]
    """[bss, ebss) and [noptrbss, enoptrbss)."""
    gcdata: int
    gcbss: int
    types: int
    etypes: int
    rodata: int
    gofunc: int
    textsects: int
    itabs: tuple[int, int]
    """Start and end of the itabs where the module data says them (1.27), else (0, 0)."""
    itablinks: Slice
    typelinks: Slice
    inittasks: Slice | None

    @property
    def nfunc(self) -> int:
        """Functions in the table: `ftab` has one entry more, the end."""
        return self.ftab.len - 1

    @property
    def size(self) -> int:
        """Bytes of the module data: behind the last list that is read are names, hashes, masks and links (runtime/symtab.go)."""
        if self.layout.inittasks is not None:
            return self.layout.inittasks + 120
        return (self.layout.itablinks or self.layout.textsectmap + 48) + 184


def find_module(image: Image, symtab: SymbolTable | None, minor: int | None) -> ModuleData | None:
    """Find the module data.

    Args:
        image: with relocations applied.
        symtab: `.symtab`, where there is one.
        minor: minor number of the Go release that built the file, when it is known.

    Returns:
        the module data, or None when nothing in the file looks like one.
    """
    seen: set[int] = set()
    for header in _headers(image, symtab):
        if header in seen:
            continue
        seen.add(header)
        for address in image.find_word(header, limit=MAX_CANDIDATES):
            module = _decode(image, address, minor)
            if module is not None:
                return module
    for address in _by_structure(image):
        module = _decode(image, address, minor)
        if module is not None:
            return module
    return None


def _headers(image: Image, symtab: SymbolTable | None) -> Iterator[int]:
    tables = [s.addr for s in image.elf.sections if s.name.endswith(".gopclntab") and s.addr]
    yield from tables[:MAX_SECTIONS]
    if symtab is not None:
        for index in symtab.find("runtime.pclntab").values():
            yield int(symtab.value[index])
    quantum = lay.PC_QUANTUM[image.arch]
    for magic in (lay.MAGIC_120, lay.MAGIC_118, lay.MAGIC_116):
        # The table is aligned to 32 bytes: one comparison of words finds the magic, the pads, minLC and ptrSize.
        yield from image.find_word(magic | quantum << 48 | 8 << 56, executable=True, limit=MAX_HEADERS)


def old_table(image: Image) -> bool:
    """Whether the file holds a function table of Go 1.2 to 1.15, in the section that those releases gave it."""
    section = image.elf.section(".gopclntab", ".data.rel.ro.gopclntab")
    if section is None or not section.flags & SHF_ALLOC:
        return False
    try:
        return image.u32(section.addr) == lay.MAGIC_12
    except ProbeError:
        return False


def _by_structure(image: Image) -> list[int]:
    found: list[int] = []
    for span in image.spans:
        if span.executable and not span.writable:
            continue
        first, last = (span.offset + 7) // 8, (span.offset + span.end - span.start) // 8
        words = image.words[first:last]
        if words.size < lay.M_SIZE // 8:
            continue
        gap = words[1:] - words[:-1]  # wraps where the order is the other way round, and is then far too large
        hits = np.flatnonzero((gap >= 0x40) & (gap <= 0x1000) & (words[:-1] % 8 == 0))
        at = image.offsets(words[hits].view(np.int64), 72)
        hits, at = hits[(at >= 0) & (at % 8 == 0)], at[(at >= 0) & (at % 8 == 0)]
        named = (image.words[at // 8 + 3] == gap[hits]) | (image.words[at // 8 + 4] == gap[hits])
        found += [span.start + (first + hit) * 8 - span.offset for hit in hits[named].tolist()]
        if len(found) >= MAX_CANDIDATES:
            break
    return found[:MAX_CANDIDATES]


def _decode(image: Image, address: int, minor: int | None) -> ModuleData | None:
    """Module data at `address`, if its words hold together under some layout; the version's own is tried first."""
    try:
        words = image.u64s(address, lay.M_SIZE // 8)
    except MalformedTable:
        return None
    ordered = sorted(lay.MODULES, key=lambda m: not (minor is not None and m.first <= minor <= m.last))
    for layout in ordered:
        named = minor is not None and layout.first <= minor <= layout.last
        if minor is not None and minor <= lay.NEWEST_MINOR and not named:
            continue  # a version that we know is never read with another one's layout
        module = _read(image, address, words, layout, by_structure=not named)
        if module is not None:
            return module
    return None


def _read(image: Image, address: int, words: U64, layout: lay.ModuleLayout, *, by_structure: bool) -> ModuleData | None:
    def word(offset: int | None) -> int:
        return 0 if offset is None else int(words[offset // 8])

    def slice_at(offset: int | None) -> Slice:
        return Slice(word(offset), word(None if offset is None else offset + 8))

    header = word(0)
    try:
        magic = image.u32(header)
    except MalformedTable:
        return None
    itaboffset, itabsize = word(layout.itaboffset), word(layout.itabsize)
    types = word(layout.types)
    module = ModuleData(
        address=address,
        header=header,
        layout=layout,
        magic=magic,
        by_structure=by_structure,
        funcnametab=slice_at(lay.M_FUNCNAMETAB),
        cutab=slice_at(lay.M_CUTAB),
        filetab=slice_at(lay.M_FILETAB),
        pctab=slice_at(lay.M_PCTAB),
        pclntable=slice_at(lay.M_PCLNTABLE),
        ftab=slice_at(lay.M_FTAB),
        minpc=word(lay.M_MINPC),
        maxpc=word(lay.M_MAXPC),
        text=word(lay.M_TEXT),
        etext=word(lay.M_ETEXT),
        data=((word(lay.M_NOPTRDATA), word(lay.M_ENOPTRDATA)), (word(lay.M_DATA), word(lay.M_EDATA))),
        bss=((word(lay.M_BSS), word(lay.M_EBSS)), (word(lay.M_NOPTRBSS), word(lay.M_ENOPTRBSS))),
        gcdata=word(layout.types - 16),
        gcbss=word(layout.types - 8),
        types=types,
        etypes=word(layout.etypes),
        rodata=word(layout.rodata),
        gofunc=word(layout.gofunc),
        textsects=word(layout.textsectmap + 8),
        itabs=(types + itaboffset, types + itaboffset + itabsize) if itabsize else (0, 0),
        itablinks=slice_at(layout.itablinks),
        typelinks=slice_at(layout.typelinks),
        inittasks=slice_at(layout.inittasks) if layout.inittasks is not None else None,
    )
    return module if _holds(image, module) else None


def _holds(image: Image, module: ModuleData) -> bool:
    """Whether the parts fit together. Faults that the runtime itself would report are left for the health check."""
    try:
        return _plausible(image, module) and _matches_header(image, module) and _inside(image, module)
    except MalformedTable:
        return False


def _plausible(image: Image, module: ModuleData) -> bool:
    """Counts and ranges, which must not be inverted or beyond any address space, and where text and types are."""
    ranges = ((module.text, module.etext), (module.types, module.etypes), module.itabs, *module.data, *module.bss)
    return (
        0 < module.nfunc <= MAX_FUNCTIONS
        and 1 <= module.textsects <= 1 << 16
        and all(0 <= start <= end < ADDRESS_LIMIT for start, end in ranges)
        and all(image.mapped(start) and image.mapped(end - 1) for start, end in ranges if end > start)
        and module.maxpc < ADDRESS_LIMIT
        and module.text <= module.minpc + (1 << 20)
        and module.text < module.etext
        and module.types < module.etypes
        and (not module.gofunc or image.mapped(module.gofunc))
    )


def _matches_header(image: Image, module: ModuleData) -> bool:
    """Whether the header that the module data points at speaks of the same table."""
    table = module.layout.table
    known = {t.magic for t in lay.TABLES}
    return (
        (module.magic == table.magic or module.magic not in known)
        and image.u64(module.header + table.funcname) == module.funcnametab.ptr - module.header
        and image.u64(module.header + 8) == module.nfunc
    )


def _inside(image: Image, module: ModuleData) -> bool:
    """Whether every slice lies in the file. Raises MalformedTable for one that does not."""
    parts = [
        (module.funcnametab, 1),
        (module.cutab, 4),
        (module.filetab, 1),
        (module.pctab, 1),
        (module.pclntable, 1),
        (module.ftab, module.layout.table.ftab.itemsize),
    ]
    parts += [(links, size) for links, size in ((module.typelinks, 4), (module.itablinks, 8)) if links.len]
    for part, size in parts:
        image.offset(part.ptr, part.len * size)
    if module.inittasks is not None and module.inittasks.len:  # none where only the runtime has initialisers
        if module.inittasks.len > module.nfunc:
            return False
        for task in image.u64s(module.inittasks.ptr, min(module.inittasks.len, 8)).tolist():
            image.offset(task, 8)
    return True

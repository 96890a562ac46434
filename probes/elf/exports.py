"""What an image gives to the other modules of its process: exports, static state, initialisers.

Sources: ELF gABI chapters 4 and 5; the Itanium C++ ABI (2.9, vtables and type information) for `_ZTV`, `_ZTI`, `_ZTS`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

import numpy as np
from msgspec import Struct

from probes.elf.dynamic_symbols import DynamicSymbols, read_dynamic_symbols
from probes.elf.headers import SHF_ALLOC, SHF_WRITE, Elf, Section
from probes.elf.image import Image
from probes.elf.raw_headers import SHT_NOBITS
from probes.elf.relocations import dynamic_tags
from probes.elf.symbol_versions import defined_versions
from probes.elf.symbols import SHN_ABS, STT_OBJECT, SymbolTable
from probes.errors import MalformedTable

DT_INIT, DT_FINI, DT_INIT_ARRAYSZ, DT_FINI_ARRAYSZ = 12, 13, 27, 28
STB_LOCAL, STB_GLOBAL, STB_WEAK, STB_GNU_UNIQUE = 0, 1, 2, 10
STV_DEFAULT, STV_PROTECTED = 0, 3
VER_NDX_LOCAL = 0
SHF_TLS = 0x400
MAX_OBJECTS = 1 << 20

KINDS = {0: "untyped", 1: "object", 2: "function", 5: "object", 6: "thread-local", 10: "function"}
"""st_info's types; 5 is STT_COMMON, 10 is STT_GNU_IFUNC, which callers cannot tell from a function."""
SIZED = {"object", "thread-local"}

LINKER = {"_init", "_fini", "_edata", "_end", "__bss_start"}
"""What linkers used to export from every library; nothing binds to it."""
NOT_STATE = re.compile(r"\.(data\.rel\.ro|got|dynamic|init_array|fini_array|ctors|dtors|tm_clone_table|eh_frame)\b")
"""Writable sections that the loader fills in, and nothing changes afterwards."""
NUMBERED = re.compile(r"(\.\d+)+$")
"""What compilers append to the names of statics inside of functions; it counts through the file."""


class Export(Struct, frozen=True):
    """One exported symbol. `kind` is a value of `KINDS`; `size` is in bytes, 0 for code, whose size no caller depends on."""

    kind: str
    size: int


class SharedFacts(Struct, frozen=True):
    """What a shared object gives to its process.

    `exports`: `name` or `name@version` -> what it is. `objects`: (name, size in bytes) -> how many writable variables
    there are of it, exported or not; those that are not are known only where the file was not stripped. `data` and `bss`
    are the bytes of writable memory with and without initial contents. `initialisers` and `finalisers` count what the loader
    calls.
    """

    soname: str | None
    exports: Mapping[str, Export]
    objects: Mapping[tuple[str, int], int]
    data: int
    bss: int
    initialisers: int
    finalisers: int


def read_shared(
    image: Image, symtab: SymbolTable | None, soname: str | None, *, leave: tuple[tuple[int, int], ...] = ()
) -> SharedFacts:
    """What `image` exports and keeps.

    Args:
        image: the file.
        symtab: `.symtab`, where there is one.
        soname: its own name.
        leave: address ranges whose variables are left out, such as those of Go's package variables.

    Raises:
        MalformedElf, MalformedTable: a table leads outside of the image or of all measure.
    """
    tags = dynamic_tags(image)
    dynamic = read_dynamic_symbols(image, tags)
    data, bss = _memory(image.elf)
    return SharedFacts(
        soname=soname,
        exports={} if dynamic is None else _exports(image, tags, dynamic),
        objects=_objects(image, symtab if symtab is not None else None if dynamic is None else dynamic.table, leave),
        data=data,
        bss=bss,
        initialisers=tags.get(DT_INIT_ARRAYSZ, 0) // 8 + (DT_INIT in tags),
        finalisers=tags.get(DT_FINI_ARRAYSZ, 0) // 8 + (DT_FINI in tags),
    )


def _exports(image: Image, tags: dict[int, int], dynamic: DynamicSymbols) -> dict[str, Export]:
    table = dynamic.table
    given = (
        (table.section != 0)
        & np.isin(table.binding, (STB_GLOBAL, STB_WEAK, STB_GNU_UNIQUE))
        & np.isin(table.visibility, (STV_DEFAULT, STV_PROTECTED))
        & np.isin(table.kind, tuple(KINDS))
    )
    index = np.zeros(len(table), dtype=np.uint16) + 1 if dynamic.versions is None else dynamic.versions & 0x7FFF
    rows = np.flatnonzero(given & (index != VER_NDX_LOCAL))
    versions = defined_versions(image, tags)
    out: dict[str, Export] = {}
    columns = (table.kind[rows], table.size[rows], table.section[rows], index[rows])
    for name, kind, size, section, version in zip(table.names(rows), *(c.tolist() for c in columns), strict=True):
        given_version = versions.get(version)
        if not name or name in LINKER or (section == SHN_ABS and name == given_version):
            continue  # an older ld writes a symbol for each version
        what = KINDS[kind]
        full = f"{name}@{given_version}" if given_version else name
        out[full] = Export(what, size if what in SIZED else 0)
    return out


def _writable(elf: Elf) -> list[tuple[int, Section]]:
    """The sections of writable state with their numbers: neither thread-local, nor read-only once it is relocated."""
    relro = [(s.vaddr, s.vaddr + s.memsz) for s in elf.segments if s.kind == "PT_GNU_RELRO"]
    wanted = SHF_WRITE | SHF_ALLOC
    return [
        (number, section)
        for number, section in enumerate(elf.sections)
        if section.flags & (wanted | SHF_TLS) == wanted
        and not NOT_STATE.match(section.name)
        and not any(start <= section.addr and section.addr + section.size <= end for start, end in relro)
    ]


def _memory(elf: Elf) -> tuple[int, int]:
    """Bytes of state with and without initial contents; from the segments where the section headers are gone."""
    if elf.sections:
        sections = [section for _, section in _writable(elf)]
        bss = sum(s.size for s in sections if s.kind == SHT_NOBITS)
        return sum(s.size for s in sections) - bss, bss
    loads = [s for s in elf.segments if s.kind == "PT_LOAD" and s.flags & 2]
    constant = sum(s.memsz for s in elf.segments if s.kind == "PT_GNU_RELRO")
    return max(sum(s.filesz for s in loads) - constant, 0), sum(s.memsz - s.filesz for s in loads)


def _objects(image: Image, table: SymbolTable | None, leave: tuple[tuple[int, int], ...]) -> Counter[tuple[str, int]]:
    if table is None:
        return Counter()
    numbers = [number for number, _ in _writable(image.elf)]
    wanted = (table.kind == STT_OBJECT) & np.isin(table.section, numbers) & (table.size > 0)
    for start, end in leave:
        wanted &= (table.value < start) | (table.value >= end)
    rows = np.flatnonzero(wanted)
    if len(rows) > MAX_OBJECTS:
        raise MalformedTable(f"{len(rows):,} variables are more than hotgate reads", subject=image.path)
    columns = zip(table.names(rows), table.size[rows].tolist(), table.binding[rows].tolist(), strict=True)
    return Counter((NUMBERED.sub("", name) if binding == STB_LOCAL else name, size) for name, size, binding in columns)

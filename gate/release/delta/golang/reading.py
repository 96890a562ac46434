"""The layout of a Go program, from its headers, its module data and its function table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gate.release.delta.golang.layout import AMD64, ARM64, Column, Functions, Layout, Span, Types
from probes.elf.headers import open_elf
from probes.elf.image import Image
from probes.elf.relocations import apply_relocations, dynamic_symbols
from probes.elf.source import Source
from probes.elf.symbols import read_symbols
from probes.errors import MalformedTable
from probes.go.buildinfo.info import find_build_info
from probes.go.buildinfo.version import go_minor
from probes.go.module import layouts as lay
from probes.go.module.moduledata import find_module
from probes.go.types import layouts as type_layouts

if TYPE_CHECKING:
    from probes.elf.headers import Elf
    from probes.go.module.moduledata import ModuleData

MACHINES = {"amd64": AMD64, "arm64": ARM64}
OTHERS = (".debug", ".zdebug", ".strtab", ".shstrtab", ".comment")
"""Sections without addresses that stand by themselves; DWARF mostly is compressed."""


def read_layout(data: bytes) -> Layout:
    """The layout of the Go program `data`.

    Raises:
        ProbeError: it is none, or one that this version cannot read.
    """
    source = Source("", bytearray(data), "")
    elf = open_elf(source)
    image = Image(elf, source.buffer, source.data)
    spans = [Span(span.start, span.end - span.start, span.offset) for span in image.spans]
    spans += [Span(start, end - start, -1) for start, end in image.zero]
    symtab = read_symbols(image, ".symtab")
    apply_relocations(image, dynamic_symbols(image))
    module = find_module(image, symtab, _minor(image))
    if module is None or module.layout.table.magic == lay.MAGIC_116:
        text = _text(elf)
        return Layout(
            MACHINES[elf.arch] if text[1] else 0, len(data), tuple(spans), text, _others(elf, len(data), [text])
        )
    text = (image.offset(module.text, 1), module.etext - module.text)
    text = (text[0], min(text[1], len(data) - text[0]))
    first = image.offset(module.header, 1)
    last = image.offset(module.pclntable.ptr, module.pclntable.len) + module.pclntable.len
    return Layout(
        MACHINES[elf.arch],
        len(data),
        tuple(spans),
        text,
        _others(elf, len(data), [text, (first, last - first)], headers=first),
        _columns(image, module),
        _functions(image, module),
        _types(image, module),
        module.text,
        _lookup(image, module),
    )


def _minor(image: Image) -> int | None:
    try:
        found = find_build_info(image)
    except MalformedTable:
        return None
    return go_minor(found[0]) if found is not None and found[0] else None


def _text(elf: Elf) -> tuple[int, int]:
    section = elf.section(".text")
    return (section.offset, section.size) if section is not None else (0, 0)


def _others(
    elf: Elf, size: int, taken: list[tuple[int, int]], *, headers: int | None = None
) -> tuple[tuple[int, int], ...]:
    """All of the file but what is `taken`, and but sections without addresses; the 64 bytes at `headers` are taken as words again."""
    out = list(taken)
    out += [(each.offset, each.size) for each in elf.sections if each.name.startswith(OTHERS) and each.size]
    found, at = [], 0
    for start, length in sorted(out):
        if start > at:
            found.append((at, start - at))
        at = max(at, start + length)
    if at < size:
        found.append((at, size - at))
    if headers is not None:
        found.append((headers, 72))
    return tuple(sorted(found))


def _columns(image: Image, module: ModuleData) -> tuple[Column, ...]:
    ftab = image.offset(module.ftab.ptr, module.ftab.len * 8)
    cutab = image.offset(module.cutab.ptr, module.cutab.len)  # the linker writes its length in bytes
    out = [
        Column(ftab, module.nfunc + 1, 8, module.text),
        Column(ftab + 4, module.nfunc, 8, module.pclntable.ptr),
        Column(cutab, module.cutab.len // 4, 4, module.filetab.ptr, nullable=True),
    ]
    links = module.typelinks
    out.append(Column(image.offset(links.ptr, links.len * 4) if links.len else 0, links.len, 4, module.types))
    return tuple(out)


def _functions(image: Image, module: ModuleData) -> Functions | None:
    layout = module.layout.table.func
    places = {name: field[1] for name, field in (layout.fields or {}).items()}
    names, pctab = module.funcnametab.ptr, module.pctab.ptr
    if not module.gofunc:
        return None
    fixed = (
        (places["entryoff"], module.text, False),
        (places["nameoff"], names, False),
        (places["pcsp"], pctab, True),
        (places["pcfile"], pctab, True),
        (places["pcln"], pctab, True),
    )
    return Functions(
        ftab=image.offset(module.ftab.ptr, module.nfunc * 8),
        count=module.nfunc,
        offset=image.offset(module.pclntable.ptr, module.pclntable.len),
        size=module.pclntable.len,
        length=layout.itemsize,
        fixed=fixed,
        npcdata=places["npcdata"],
        nfuncdata=places["nfuncdata"],
        pctab=pctab,
        gofunc=module.gofunc,
        inline=lay.FUNCDATA_INL_TREE,
        names=names,
    )


def _types(image: Image, module: ModuleData) -> Types:
    """Where the descriptors are; what follows them up to `etypes`, such as tables of functions, is looked through as well."""
    if module.layout.first >= 27:
        size = type_layouts.MAP_127
    else:
        size = (
            type_layouts.MAP_SWISS
            if module.layout.first >= 24 or module.layout.name == "1.26"
            else type_layouts.MAP_OLD
        )
    offset = image.offset(module.types, 1)
    return Types(offset, min(module.etypes - module.types, image.data.size - offset), module.types, size)


def _lookup(image: Image, module: ModuleData) -> tuple[int, int]:
    """The table of `runtime.findfunc` (cmd/link/internal/ld/pcln.go, findfunctab): 20 bytes for each 4096 of code."""
    address = image.u64(module.address + lay.M_FTAB + 24)
    parts = (module.maxpc - module.text + 255) // 256
    size = 4 * ((parts + 15) // 16) + parts
    if image.span(address) is None:
        return 0, 0
    offset = image.offset(address, 1)
    return (offset, size) if 0 <= offset <= offset + size <= image.data.size else (0, 0)

"""Whether the function table can be believed: what the runtime checks at start, and what the symbol table says.

The start checks are those of runtime.moduledataverify1 (Go 1.16 to 1.27).
"""

from __future__ import annotations

import re

import numpy as np

from probes.elf.symbols import STT_FUNC, SymbolTable
from probes.go.facts import TableHealth
from probes.go.fault import Fault
from probes.go.module import layouts as lay
from probes.go.table.functions import FuncTable
from probes.go.table.pc_tables import decode_faults

MAX_FAULTS = 50
OBFUSCATED_SHARE = 0.5

_SECTION = re.compile(r"\(\.[\w.]+\)$")
"""`net(.text)`: Go's linker so calls a section of a host object, and its functions besides (cmd/link/internal/loadelf)."""

BOUNDARIES = frozenset({"runtime.text", "runtime.etext", "go:textfipsstart", "go:textfipsend", "go:buildid"})
"""Symbols that mark places and are no functions."""


def check_table(table: FuncTable, symtab: SymbolTable | None, *, examine: bool = True) -> TableHealth:
    """Examine `table`; `symtab` is the file's `.symtab`, where it has one; `examine` decodes its tables as well."""
    module = table.module
    obfuscated = _obfuscated(table)
    unverifiable = None
    if obfuscated:
        unverifiable = (
            "it is obfuscated, as by garble: its records contradict its own index, so names and sizes mean nothing"
        )
    elif bool((table.end < table.entry).any()):
        unverifiable = "its entries are out of order, so no address can be looked up in it"
    believed = unverifiable is None
    symbol_faults, compared = compare_symbols(table, symtab) if symtab is not None and believed else ((), 0)
    return TableHealth(
        layout=module.layout.name,
        obfuscated=obfuscated,
        unverifiable=unverifiable,
        start_faults=tuple(_start_faults(table, obfuscated=obfuscated)),
        decode_faults=tuple(_decode_faults(table)) if believed and examine else (),
        symbol_faults=symbol_faults,
        symbols_compared=compared,
    )


def _obfuscated(table: FuncTable) -> bool:
    """Obfuscators encrypt `_func.entryOff` and draw a magic of their own; `ftab` stays clear (go-binaries.md)."""
    differs = table.own_entry != table.entry
    unknown_magic = table.module.magic not in {t.magic for t in lay.TABLES}
    return bool(differs.mean() > OBFUSCATED_SHARE) or (unknown_magic and bool(differs.any()))


def _start_faults(table: FuncTable, *, obfuscated: bool) -> list[Fault]:
    module, image = table.module, table.image
    layout = module.layout.table
    out = []
    pads = image.bytes(module.header + 4, 4).tolist()
    if module.magic != layout.magic and not obfuscated:  # obfuscators change what the runtime asks, too
        out.append(
            Fault(
                "magic", "pcHeader", f"magic is {module.magic:#010x}, Go {module.layout.name} asks {layout.magic:#010x}"
            )
        )
    if pads[0] or pads[1]:
        out.append(Fault("pad", "pcHeader", f"padding bytes are {pads[0]} and {pads[1]}, the format asks zeros"))
    if pads[2] != table.quantum:
        out.append(Fault("quantum", "pcHeader", f"instruction quantum is {pads[2]}, {image.arch} has {table.quantum}"))
    if pads[3] != 8:
        out.append(Fault("pointer-size", "pcHeader", f"pointer size is {pads[3]}, {image.arch} has 8"))
    if layout.text_start is not None and _has_text_start(module.layout):
        start = image.u64(module.header + layout.text_start)
        if start != module.text:
            out.append(Fault("text-base", "pcHeader", f"textStart is {start:#x}, module data says {module.text:#x}"))
    entries = np.append(table.entry, table.end[-1])
    falls = np.flatnonzero(entries[1:] < entries[:-1])
    out += [
        Fault("order", _name(table, int(i)), f"entry {int(entries[i]):#x} comes before {int(entries[i + 1]):#x}")
        for i in falls[:MAX_FAULTS]
    ]
    if int(entries[0]) != module.minpc or int(entries[-1]) != module.maxpc:
        out.append(
            Fault(
                "pc-range",
                "moduledata",
                f"minpc and maxpc are {module.minpc:#x} and {module.maxpc:#x}, "
                f"the table runs from {int(entries[0]):#x} to {int(entries[-1]):#x}",
            )
        )
    return out


def _has_text_start(layout: lay.ModuleLayout) -> bool:
    """Go 1.18 to 1.25 check textStart against moduledata.text; from 1.26 on it is unused."""
    return layout.first < 26


def _name(table: FuncTable, index: int) -> str:
    return table.names[index] if index < len(table) else "end"


def _decode_faults(table: FuncTable) -> list[Fault]:
    """Columns that lead outside of their tables, over all functions at once."""
    out = []
    module = table.module
    for kind, column, limit in (
        ("name", table.nameoff, module.funcnametab.len),
        ("stack-table", table.pcsp, module.pctab.len),
        ("file-table", table.pcfile, module.pctab.len),
        ("line-table", table.pcln, module.pctab.len),
    ):
        bad = np.flatnonzero((column < 0) | (column >= limit))
        out += [
            Fault(kind, _name(table, int(i)), f"offset {int(column[i]):#x} is outside of a table of {limit:#x} bytes")
            for i in bad[:MAX_FAULTS]
        ]
    unit = np.flatnonzero((table.cuoffset >= module.cutab.len) & (table.cuoffset != 0xFFFFFFFF))
    out += [
        Fault("file-table", _name(table, int(i)), f"compilation unit {int(table.cuoffset[i])} does not exist")
        for i in unit[:MAX_FAULTS]
    ]
    mixed = np.flatnonzero(table.own_entry != table.entry)
    out += [
        Fault(
            "entry", _name(table, int(i)), f"record says {int(table.own_entry[i]):#x}, index {int(table.entry[i]):#x}"
        )
        for i in mixed[:MAX_FAULTS]
    ]
    return (out or decode_faults(table))[:MAX_FAULTS]


_DIGEST = re.compile(r"(?<=^type:\.)[A-Za-z0-9+/]{8}$|(?<=\[)[A-Za-z0-9+/]{8}(?=\])")
"""What stands for a type's name in the symbols of a plugin (cmd/link/internal/ld/ld.go, typeSymbolMangle)."""

_SUFFIX = re.compile(r"\.abi(?:0|internal)$|\.args_stackmap$")


def compare_symbols(table: FuncTable, symtab: SymbolTable) -> tuple[tuple[Fault, ...], int]:
    """Compare function symbols inside of Go's text with the function table, by address and by name."""
    module = table.module
    inside = (
        (symtab.kind == STT_FUNC)
        & (symtab.value >= np.uint64(module.text))
        & (symtab.value < np.uint64(module.etext))
        & (symtab.size > 0)
    )
    rows = np.flatnonzero(inside)
    if not len(rows):
        return (), 0
    values, sizes = symtab.value[rows], symtab.size[rows]
    at = np.searchsorted(table.entry, values, side="right").astype(np.int64) - 1
    at = np.clip(at, 0, len(table) - 1)
    starts = table.entry[at] == values
    overrun = values + sizes > table.end[at]
    names = symtab.names(rows)
    faults: list[Fault] = []
    bracketed = module.layout.first < 21
    for name, index, exact, over, value in zip(
        names, at.tolist(), starts.tolist(), overrun.tolist(), values.tolist(), strict=True
    ):
        ours = table.names[index]
        if exact and not over and name == ours:
            continue
        if name in BOUNDARIES or not name or _SECTION.search(name) or len(faults) >= MAX_FAULTS:
            continue
        if not exact:
            faults.append(Fault("symbol-address", name, f"symbol at {value:#x}, where no function of the table begins"))
        elif not _alias(table, index, _plain(name, bracketed=bracketed)):
            faults.append(Fault("symbol-name", name, f"the function table calls {value:#x} {ours}"))
        elif over:
            faults.append(Fault("symbol-size", name, f"symbol ends beyond the function at {value:#x}"))
    return tuple(faults), len(rows)


def _plain(name: str, *, bracketed: bool) -> str:
    """An ELF symbol's name without what the linker adds to it (cmd/link/internal/ld/symtab.go, putelfsym).

    `local.` marks the second symbol that a plugin gets for each function (go.dev/issue/18437).
    """
    plain = _SUFFIX.sub("", name.removeprefix("local."))
    return _collapse(plain) if bracketed else plain


def _alias(table: FuncTable, index: int, name: str) -> bool:
    """Whether `name` belongs to a function that begins where function `index` does.

    Several functions of no length share one entry: any of their names will do. The linker writes `.` for the `·` of a
    type that is declared inside of a function.
    """
    entry = table.entry[index]
    digest = _DIGEST.search(name)
    while index >= 0 and table.entry[index] == entry:
        ours = table.names[index]
        if name in {ours, ours.replace("·", ".")}:
            return True
        if digest and ours.startswith(name[: digest.start()]) and ours.endswith(name[digest.end() :]):
            return True
        index -= 1
    return False


def _collapse(name: str) -> str:
    """Before Go 1.21 the table leaves type arguments out: `Map[go.shape.int_0]` is `Map[...]` there."""
    start, end = name.find("["), name.rfind("]")
    return f"{name[:start]}[...]{name[end + 1 :]}" if 0 <= start < end else name

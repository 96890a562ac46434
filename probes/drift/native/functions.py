"""Where the C functions of a program are: from its symbol table, or from the unwind table of a stripped file."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from probes.drift.side import Side, lasting_name
from probes.elf.eh_frame import frame_ranges
from probes.elf.symbols import STT_FUNC


class NativeFunction(Struct, frozen=True):
    """One C function: `name` is empty in a stripped file; `start` and `end` are addresses."""

    name: str
    start: int
    end: int


def native_functions(side: Side) -> list[NativeFunction] | None:
    """The C functions of one side by address; None when there is C code and no table tells where its functions are.

    Raises:
        MalformedElf, MalformedTable: the unwind table is damaged.
    """
    spans = [s for s in side.image.spans if s.executable]
    table = side.facts.symtab
    found: list[NativeFunction] = []
    if table is not None:
        rows = np.flatnonzero((table.kind == STT_FUNC) & (table.size > 0) & (table.section != 0))
        start = table.value[rows].astype(np.int64)
        rows = rows[(start < side.text.start) | (start >= side.text.stop)]
        names = table.names(rows)
        found = [
            NativeFunction(lasting_name(name), int(table.value[r]), int(table.value[r]) + int(table.size[r]))
            for name, r in zip(names, rows.tolist(), strict=True)
        ]
    else:
        ranges = frame_ranges(side.image)
        if ranges is None:
            return [] if _only_go(side) else None
        found = [NativeFunction("", a, b) for a, b in zip(*(r.tolist() for r in ranges), strict=True)]
    inside = [f for f in found if any(s.start <= f.start < f.end <= s.end for s in spans)]
    outside = [f for f in inside if f.end <= side.text.start or f.start >= side.text.stop]
    return sorted({(f.start, f.end): f for f in outside}.values(), key=lambda f: f.start)


def _only_go(side: Side) -> bool:
    """Whether nothing is executable but Go's text."""
    section = side.image.elf.section(".text")
    if section is None:
        native = side.facts.native
        return native is not None and native.interpreter is None
    return section.addr >= side.text.start - 64 and section.addr + section.size <= side.text.stop + 64

"""Calls that the compiler inlined: a function's inline tree, and the logical frames at a pc.

Format: runtime/symtabinl.go, internal/abi/symtab.go (PCDATA_InlTreeIndex, FUNCDATA_InlTree).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from probes.errors import MalformedTable
from probes.go.module import layouts as lay
from probes.go.table.functions import FuncTable
from probes.go.table.pc_values import value_at

MAX_INLINE_DEPTH = 256


class InlinedCall(Struct, frozen=True):
    """A record of a function's inline tree. `parent_pc`: bytes from the entry; `start_line` 0 before Go 1.20."""

    name: str
    parent: int
    parent_pc: int
    start_line: int
    call_file: int
    call_line: int


class Frame(Struct, frozen=True):
    """One logical frame at a pc."""

    function: str
    file: str
    line: int


def inline_runs(table: FuncTable, index: int) -> list[tuple[int, int]]:
    """Which record of the inline tree holds where: (end, record) pairs, -1 for the function's own code."""
    return table.runs(index, table.pcdata(index, lay.PCDATA_INL_TREE_INDEX))


def inline_tree(table: FuncTable, index: int, runs: list[tuple[int, int]] | None = None) -> tuple[InlinedCall, ...]:
    """The calls that were inlined into function `index`, in the order of the format; `runs`: its `inline_runs`, where known.

    Raises:
        MalformedTable: a record or a name lies outside of its table.
    """
    records = _records(table, index, runs)
    count, layout = len(records), table.module.layout.table.inline
    has_line = "startline" in (layout.names or ())

    def column(name: str, *, there: bool, otherwise: int) -> list[int]:
        return records[name].tolist() if there else [otherwise] * count

    columns = (
        column("nameoff", there=True, otherwise=0),
        column("parent", there=not has_line, otherwise=-1),
        column("parentpc", there=True, otherwise=0),
        column("startline", there=has_line, otherwise=0),
        column("file", there=not has_line, otherwise=-1),
        column("line", there=not has_line, otherwise=0),
    )
    return tuple(InlinedCall(table.name_at(nameoff), *rest) for nameoff, *rest in zip(*columns, strict=True))


def inlined_names(table: FuncTable, index: int) -> set[str]:
    """The names of the functions that were inlined into function `index`. Raises as `inline_tree`."""
    return {table.name_at(nameoff) for nameoff in set(_records(table, index, None)["nameoff"].tolist())}


def _records(table: FuncTable, index: int, runs: list[tuple[int, int]] | None) -> npt.NDArray[np.void]:
    """The records of the inline tree of function `index`."""
    layout = table.module.layout.table.inline
    address = table.funcdata(index, lay.FUNCDATA_INL_TREE)
    if not address:
        return np.zeros(0, dtype=layout)
    known = inline_runs(table, index) if runs is None else runs
    count = max((value for _, value in known), default=-1) + 1
    return np.frombuffer(table.image.bytes(address, count * layout.itemsize).tobytes(), dtype=layout)


def inline_stack(table: FuncTable, index: int, offset: int) -> tuple[int, ...]:
    """Records of the inline tree that are active `offset` bytes after the entry, innermost first."""
    ranges = inline_runs(table, index)
    record = value_at(ranges, offset)
    if record < 0:
        return ()
    tree = inline_tree(table, index)
    stack: list[int] = []
    while 0 <= record < len(tree) and len(stack) < MAX_INLINE_DEPTH:
        if record in stack:
            raise MalformedTable(f"the inline tree of {table.names[index]} is a cycle", subject=table.path)
        stack.append(record)
        call = tree[record]
        record = value_at(ranges, call.parent_pc) if call.call_file < 0 else call.parent
    return tuple(stack)


def frames(table: FuncTable, pc: int) -> tuple[Frame, ...]:
    """The logical frames at `pc`, innermost first, as runtime.CallersFrames gives them for a call at that pc."""
    index = table.find(pc)
    if index < 0:
        return ()
    offset = pc - int(table.entry[index])
    file, line = table.position(index, offset)
    out = []
    stack = inline_stack(table, index, offset)
    tree = inline_tree(table, index) if stack else ()
    for record in stack:
        call = tree[record]
        out.append(Frame(call.name, file, line))
        if call.call_file < 0:
            file, line = table.position(index, call.parent_pc)
        else:
            file, line = table.file_name(index, call.call_file), call.call_line
    out.append(Frame(table.names[index], file, line))
    return tuple(out)

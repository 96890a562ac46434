"""Package variables of two unstripped files: which came, went, and have another size, type or initial value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest

import numpy as np

from probes.binary.facts import BinaryFacts
from probes.binary.image import I64
from probes.binary.variables import VariableTable, read_variables
from probes.drift.facts import GlobalDrift, VariableChange, VariableRef
from probes.drift.side import lasting_name
from probes.drift.variable_contents import Contents, differing
from probes.errors import MalformedTable

_C_NUMBER = re.compile(r"\.\d+$")
"""C compilers number the static variables of functions: `buffer.2`."""

Rows = dict[str, list[int]]


def why_not(facts: BinaryFacts) -> str:
    """Why the variables of a file cannot be read; "" when they can."""
    if facts.symtab is None:
        return "it has no ELF symbol table (stripped)"
    return "its module data, which says where variables are, was not found" if facts.module is None else ""


def global_drift(old: BinaryFacts, new: BinaryFacts) -> GlobalDrift:
    """Compare the variables of two files for which `why_not` is "".

    Variables are paired by name. Of several C variables with one name, those of equal size are paired first.

    Raises:
        MalformedTable: a symbol table's names cannot be read.
        ValueError: one of the files has no symbols or no module data.
    """
    tables = [_table(facts) for facts in (old, new)]
    names = [_rows(table) for table in tables]
    added: list[VariableRef] = []
    removed: list[VariableRef] = []
    both: list[tuple[str, int, int]] = []
    for name in sorted(names[0].keys() | names[1].keys()):
        for a, b in _pairs(tables, names[0].get(name, []), names[1].get(name, [])):
            if b is None and a is not None:
                removed.append(_ref(tables[0], name, a))
            elif a is None and b is not None:
                added.append(_ref(tables[1], name, b))
            elif a is not None and b is not None:
                both.append((name, a, b))
    changes = _Changes(tables, both)
    ours, theirs = (Contents(facts, table) for facts, table in zip((old, new), tables, strict=True))
    retyped, revalued = differing(ours, theirs, changes.old[changes.go], changes.new[changes.go])
    return GlobalDrift(
        old=len(tables[0]),
        new=len(tables[1]),
        compared=len(both),
        added=tuple(added),
        removed=tuple(removed),
        resized=tuple(changes.change(at, changes.sizes(at)) for at in changes.resized.tolist()),
        retyped=tuple(changes.change(at, "pointers in other places") for at in changes.go[retyped].tolist()),
        revalued=tuple(changes.change(at, "starts with another value") for at in changes.go[revalued].tolist()),
    )


class _Changes:
    """The variables that both sides have: rows `old` and `new`, shape (n,), in the order of their names.

    `resized` are indices of those of another size, `go` of the others, without those of C.
    """

    def __init__(self, tables: Sequence[VariableTable], both: list[tuple[str, int, int]]) -> None:
        self.tables = tables
        self.names = [name for name, _, _ in both]
        self.old: I64 = np.array([a for _, a, _ in both], dtype=np.int64)
        self.new: I64 = np.array([b for _, _, b in both], dtype=np.int64)
        resized = tables[0].size[self.old] != tables[1].size[self.new]
        native = [np.array([package == "C" for package in table.packages], dtype=np.bool_) for table in tables]
        self.resized = np.flatnonzero(resized)
        self.go = np.flatnonzero(~(resized | native[0][self.old] | native[1][self.new]))

    def sizes(self, at: int) -> str:
        """Both sizes of the variable `at`."""
        return f"{int(self.tables[0].size[self.old[at]]):,} → {int(self.tables[1].size[self.new[at]]):,} bytes"

    def change(self, at: int, detail: str) -> VariableChange:
        """The change of the variable `at`."""
        sizes = int(self.tables[0].size[self.old[at]]), int(self.tables[1].size[self.new[at]])
        return VariableChange(self.names[at], self.tables[1].packages[self.new[at]], *sizes, detail)


def _ref(table: VariableTable, name: str, row: int) -> VariableRef:
    return VariableRef(name, table.packages[row], int(table.size[row]))


def _table(facts: BinaryFacts) -> VariableTable:
    if facts.symtab is None or facts.module is None:
        raise ValueError(why_not(facts))
    try:
        return read_variables(facts.image, facts.symtab, facts.module)
    except MalformedTable as exc:
        raise MalformedTable(exc.what, subject=facts.path, hint=exc.hint) from exc


def _rows(table: VariableTable) -> Rows:
    """Rows by the name that lasts from build to build."""
    out: Rows = {}
    for row, (name, package) in enumerate(zip(table.names, table.packages, strict=True)):
        lasting = _C_NUMBER.sub("", name.partition("@")[0]) if package == "C" else lasting_name(name)
        out.setdefault(lasting, []).append(row)
    return out


def _pairs(tables: Sequence[VariableTable], old: list[int], new: list[int]) -> Sequence[tuple[int | None, int | None]]:
    """Rows of one name, paired; None where a side has no more."""
    if len(old) == len(new) == 1:
        return [(old[0], new[0])]
    if not old or not new:
        return list(zip_longest(old, new))
    pairs: list[tuple[int | None, int | None]] = []
    by_size: dict[int, list[int]] = {}
    for row in reversed(new):
        by_size.setdefault(int(tables[1].size[row]), []).append(row)
    left = []
    for row in old:
        same = by_size.get(int(tables[0].size[row]))
        if same:
            pairs.append((row, same.pop()))
        else:
            left.append(row)
    rest = sorted(row for rows in by_size.values() for row in rows)
    return pairs + list(zip_longest(left, rest))

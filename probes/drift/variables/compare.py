"""Package variables of two unstripped files: which came, went, and have another size or type."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from probes.drift.facts import GlobalDrift, VariableChange, VariableRef, short
from probes.drift.side import lasting_name
from probes.drift.variables.contents import Contents, differing
from probes.elf.image import I64
from probes.errors import MalformedTable
from probes.go.facts import BinaryFacts
from probes.go.variables.table import VariableTable, read_variables

if TYPE_CHECKING:
    from probes.go.variables.types import VariableTypes

_C_NUMBER = re.compile(r"\.\d+$")
"""C compilers number the static variables of functions: `buffer.2`."""

Rows = dict[str, list[int]]


def why_not(facts: BinaryFacts) -> str:
    """Why the variables of a file cannot be read; "" when they can."""
    if facts.symtab is None:
        return "it has no ELF symbol table (stripped)"
    return "its module data, which says where variables are, was not found" if facts.module is None else ""


def global_drift(old: BinaryFacts, new: BinaryFacts, variables: Variables | None = None) -> GlobalDrift:
    """Compare the variables of two files for which `why_not` is ""; `variables` as `pair_variables` made them.

    Raises:
        MalformedTable: a symbol table's names cannot be read.
        ValueError: one of the files has no symbols or no module data.
    """
    variables = variables or pair_variables(old, new)
    changes = _Changes(variables.tables, variables.both)
    ours, theirs = (Contents(facts, table) for facts, table in zip((old, new), variables.tables, strict=True))
    differ = differing(ours, theirs, changes.old[changes.go], changes.new[changes.go])
    try:
        return _assembled(changes, variables.alone, differ, variables.types)
    except MalformedTable as exc:
        return _assembled(changes, variables.alone, differ, Types(problem=str(exc), damaged=True))


class Variables:
    """The variables of two files, paired by name.

    `tables`: of either side. `both`: name and rows of those that both have, `alone`: rows of those that one side has.
    """

    def __init__(self, files: tuple[BinaryFacts, BinaryFacts], tables: Sequence[VariableTable]) -> None:
        self.tables = tables
        self.both: list[tuple[str, int, int]] = []
        self.alone: tuple[list[int], list[int]] = [], []
        self._files = files
        names = [_rows(table) for table in tables]
        for name in sorted(names[0].keys() | names[1].keys()):
            for a, b in _pairs(tables, names[0].get(name, []), names[1].get(name, [])):
                if a is not None and b is not None:
                    self.both.append((name, a, b))
                elif a is not None:
                    self.alone[0].append(a)
                elif b is not None:
                    self.alone[1].append(b)

    @cached_property
    def types(self) -> Types:
        """The types of both sides' variables, read once."""
        return _types(self._files, self.tables)


def pair_variables(old: BinaryFacts, new: BinaryFacts) -> Variables:
    """The variables of two files for which `why_not` is "".

    Of several C variables with one name, those of equal size are paired first.

    Raises:
        MalformedTable: a symbol table's names cannot be read.
        ValueError: one of the files has no symbols or no module data.
    """
    return Variables((old, new), [_table(facts) for facts in (old, new)])


class Types(Struct, frozen=True):
    """The types of both sides' variables by DWARF, or why there are none."""

    sides: tuple[VariableTypes, VariableTypes] | None = None
    problem: str = ""
    damaged: bool = False

    def name(self, side: int, row: int) -> str:
        """The name of a variable's type; "" when it is not known."""
        shape = None if self.sides is None else self.sides[side].shape(row)
        return "" if shape is None else shape.name


def _types(files: Sequence[BinaryFacts], tables: Sequence[VariableTable]) -> Types:
    if files[0].sha256 == files[1].sha256:
        return Types()
    lacking = [label for label, facts in zip(("OLD", "NEW"), files, strict=True) if not facts.has_dwarf]
    if lacking:
        return Types(problem="neither file has DWARF" if len(lacking) == 2 else f"{lacking[0]} has no DWARF")
    from probes.drift.variables.types import read_types  # noqa: PLC0415 - most programs in production have no DWARF

    try:
        return Types(read_types(files, tables))
    except MalformedTable as exc:
        return Types(problem=str(exc), damaged=True)


def _assembled(changes: _Changes, alone: tuple[list[int], list[int]], differ: I64, types: Types) -> GlobalDrift:
    """All that differs. MalformedTable when DWARF turns out to be damaged."""
    retyped = dict.fromkeys(changes.go[differ].tolist(), "pointers in other places")
    unknown: tuple[int, ...] = ()
    if types.sides is not None:
        from probes.drift.variables.types import compare_types  # noqa: PLC0415 - as above

        details, unknown = compare_types(types.sides, changes.old[changes.go], changes.new[changes.go])
        retyped |= {int(changes.go[at]): detail for at, detail in details.items()}
    untyped = [] if types.sides is None else [*changes.go[list(unknown)].tolist(), *changes.native.tolist()]
    return GlobalDrift(
        old=len(changes.tables[0]),
        new=len(changes.tables[1]),
        compared=len(changes.names),
        removed=tuple(_ref(changes.tables[0], row, types.name(0, row)) for row in alone[0]),
        added=tuple(_ref(changes.tables[1], row, types.name(1, row)) for row in alone[1]),
        resized=tuple(changes.change(at, changes.sizes(at, types), types) for at in changes.resized.tolist()),
        retyped=tuple(changes.change(at, detail, types) for at, detail in sorted(retyped.items())),
        types_problem=types.problem,
        damaged=types.damaged,
        untyped=tuple(changes.names[at] for at in untyped),
        untyped_go=len(unknown),
    )


class _Changes:
    """The variables that both sides have: rows `old` and `new`, shape (n,), in the order of their names.

    `resized` are indices of those of another size, `go` and `native` of the others, which are Go's or C's.
    """

    def __init__(self, tables: Sequence[VariableTable], both: list[tuple[str, int, int]]) -> None:
        self.tables = tables
        self.names = [name for name, _, _ in both]
        self.old: I64 = np.array([a for _, a, _ in both], dtype=np.int64)
        self.new: I64 = np.array([b for _, _, b in both], dtype=np.int64)
        resized = tables[0].size[self.old] != tables[1].size[self.new]
        of_c = [np.array([package == "C" for package in table.packages], dtype=np.bool_) for table in tables]
        native = of_c[0][self.old] | of_c[1][self.new]
        self.resized = np.flatnonzero(resized)
        self.go = np.flatnonzero(~(resized | native))
        self.native = np.flatnonzero(native & ~resized)

    def sizes(self, at: int, types: Types) -> str:
        """Both sizes of the variable `at`, and its types where they have other names."""
        old, new = int(self.old[at]), int(self.new[at])
        names = types.name(0, old), types.name(1, new)
        lead = f"{short(names[0])} → {short(names[1])}, " if all(names) and names[0] != names[1] else ""
        return f"{lead}{int(self.tables[0].size[old]):,} → {int(self.tables[1].size[new]):,} bytes"

    def change(self, at: int, detail: str, types: Types) -> VariableChange:
        """The change of the variable `at`."""
        old, new = int(self.old[at]), int(self.new[at])
        sizes = int(self.tables[0].size[old]), int(self.tables[1].size[new])
        names = types.name(0, old), types.name(1, new)
        return VariableChange(self.names[at], self.tables[1].packages[new], *sizes, detail, *names)


def _ref(table: VariableTable, row: int, type_name: str) -> VariableRef:
    return VariableRef(_lasting(table, row), table.packages[row], int(table.size[row]), type_name)


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
    for row in range(len(table)):
        out.setdefault(_lasting(table, row), []).append(row)
    return out


def _lasting(table: VariableTable, row: int) -> str:
    name = table.names[row]
    return _C_NUMBER.sub("", name.partition("@")[0]) if table.packages[row] == "C" else lasting_name(name)


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

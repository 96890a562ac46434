"""Package variables of two unstripped files: which came, went, and have another size, type or initial value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest

from probes.binary.facts import BinaryFacts
from probes.binary.variables import VariableTable, read_variables
from probes.drift.facts import GlobalDrift, VariableChange, VariableRef
from probes.drift.side import lasting_name
from probes.drift.variable_contents import Contents
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
    ours, theirs = (Contents(facts, table) for facts, table in zip((old, new), tables, strict=True))
    drift: dict[str, list[VariableChange]] = {"resized": [], "retyped": [], "revalued": []}
    added: list[VariableRef] = []
    removed: list[VariableRef] = []
    compared = 0
    for name in names[0].keys() | names[1].keys():
        for a, b in _pairs(tables, names[0].get(name, []), names[1].get(name, [])):
            if a is None or b is None:
                table, row = (tables[0], a) if a is not None else (tables[1], b)
                found = VariableRef(name, table.packages[row or 0], int(table.size[row or 0]))
                (removed if b is None else added).append(found)
                continue
            compared += 1
            kind, detail = ours.difference(theirs, a, b)
            if kind:
                sizes = int(tables[0].size[a]), int(tables[1].size[b])
                drift[kind].append(VariableChange(name, tables[1].packages[b], *sizes, detail))
    return GlobalDrift(
        old=len(tables[0]),
        new=len(tables[1]),
        compared=compared,
        added=tuple(sorted(added, key=lambda each: each.name)),
        removed=tuple(sorted(removed, key=lambda each: each.name)),
        **{kind: tuple(sorted(found, key=lambda each: each.name)) for kind, found in drift.items()},
    )


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

"""What types are made of, in numbers that are the same for OLD and NEW: of local types, the name does not tell."""

from __future__ import annotations

from collections import Counter

import numpy as np

from probes.go.types import layouts as tl
from probes.go.types.table import TypeTable

DEPTH = 8
"""Types within types that are looked into; deeper ones go by their name."""


class Structures:
    """Numbers the types of two tables by what they are made of.

    Types that are declared in functions may share their name with others (`main.f`'s `pair` and `main.g`'s), so they are
    known by their fields. So are unnamed types. All others are known by their name, whatever is behind it.
    """

    def __init__(self, old: TypeTable, new: TypeTable) -> None:
        self._tables = (old, new)
        self.shared = {name for table in self._tables for name in shared_names(table)}
        self._numbers: dict[object, int] = {}
        self._known: dict[tuple[int, int, int], int] = {}
        self._named = tuple(table.named for table in self._tables)

    def number(self, side: int, row: int, depth: int = DEPTH) -> int:
        """The number of the type at `row` (-1: none) of OLD (`side` 0) or NEW (1)."""
        key = side, row, depth
        if key not in self._known:
            self._known[key] = self._numbers.setdefault(self._description(*key), len(self._numbers))
        return self._known[key]

    def outline(self, side: int, row: int) -> int:
        """The number of the type's kind and the names of its fields, whatever their types."""
        table = self._tables[side]
        first, last = (int(table.fields.first[at]) for at in (row, row + 1))
        names = tuple(table.names.text[i] for i in table.fields.name[first:last].tolist())
        return self._numbers.setdefault((int(table.kind[row]), names), len(self._numbers))

    def hash(self, side: int, row: int) -> int:
        """The hash of the type at `row`. That of a local type counts those of its name that were declared before it."""
        return int(self._tables[side].hash[row])

    def kind(self, side: int, row: int) -> int:
        """The kind of the type at `row`."""
        return int(self._tables[side].kind[row])

    def _description(self, side: int, row: int, depth: int) -> object:
        table = self._tables[side]
        if row < 0:
            return ""
        name = table.base[row]
        named = bool(self._named[side][row])
        if depth == 0 or (named and name not in self.shared):
            return name
        names = table.names
        rows = [int(table.elem[row]), int(table.key[row])]
        package = names.text[int(table.package[row])] if table.package[row] >= 0 else ""
        labels: list[object] = [name if named else "", package, int(table.kind[row]), int(table.length[row])]
        labels += [int(table.direction[row]), int(table.n_in[row]), bool(table.variadic[row])]
        for i in range(int(table.fields.first[row]), int(table.fields.first[row + 1])):
            index = int(table.fields.name[i])
            labels += [names.text[index], names.tag[index], bool(table.fields.embedded[i])]
            rows.append(int(table.fields.type[i]))
        if table.kind[row] == tl.INTERFACE:
            for i in range(int(table.methods.first[row]), int(table.methods.first[row + 1])):
                labels.append(names.text[int(table.methods.name[i])])
                rows.append(int(table.methods.type[i]))
        rows += table.params.type[int(table.params.first[row]) : int(table.params.first[row + 1])].tolist()
        return *labels, *(self.number(side, part, depth - 1) for part in rows)


def shared_names(table: TypeTable) -> set[str]:
    """Names that several named types have."""
    named = Counter(table.base[row] for row in np.flatnonzero(table.named).tolist())
    return {name for name, count in named.items() if count > 1}

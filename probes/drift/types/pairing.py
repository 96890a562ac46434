"""Pair the types of two tables, and find those that are not alike: whole columns at a time."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from probes.drift.types.screen import differing
from probes.drift.types.structure import Structures
from probes.elf.image import I64
from probes.go.types import layouts as tl
from probes.go.types.columns import Bools
from probes.go.types.table import TypeTable

MADE_OF = frozenset({tl.ARRAY, tl.MAP, tl.SLICE, tl.STRUCT})
MAX_POINTERS = 16
"""Pointers to pointers that are followed; a type may point to itself without end."""


class Pairing:
    """Which type of OLD is which of NEW.

    `identity_old`, `identity_new`: shape (rows,), equal numbers for one type: named types by `partner`, others by their
    full name. `partner`: the row of NEW for each row of OLD, -1 without; of unnamed types with several rows, one.
    `differs`: rows of OLD whose own description is not that of their partner, whatever is behind the types they name.
    """

    def __init__(self, old: TypeTable, new: TypeTable) -> None:
        self.old, self.new = old, new
        if old is new:  # read once for two files that differ in code only: every type is its own partner
            self.partner = np.arange(len(old), dtype=np.int64)
            self.identity_old = self.identity_new = np.append(self.partner, -1)
            return
        self.partner = _partners(old, new)
        self.identity_old, self.identity_new = self._identities()

    def _identities(self) -> tuple[I64, I64]:
        ids: dict[str, int] = {}
        known = [ids.setdefault(name, len(ids)) for name in self.old.base]
        theirs = [ids.setdefault(name, len(ids)) for name in self.new.base]
        mine = np.array([*known, -1], dtype=np.int64)
        other = np.array([*theirs, -1], dtype=np.int64)
        rows = np.flatnonzero(self.old.named)
        mine[rows] = len(ids) + rows
        paired = self.partner[rows] >= 0
        new_rows = np.flatnonzero(self.new.named)
        other[new_rows] = len(ids) + len(self.old) + new_rows
        other[self.partner[rows[paired]]] = len(ids) + rows[paired]
        return mine, other  # the last element answers for row -1

    def inside(self, old_row: int, new_row: int) -> tuple[int, int] | None:
        """The types to compare where a codec that goes by name meets these two; None: they have nothing in common.

        Such codecs write what a pointer leads to, and an unnamed type by what it is made of.
        """
        a, b = _pointed(self.old, old_row), _pointed(self.new, new_row)
        if a < 0 or b < 0:
            return None
        if self.identity_old[a] == self.identity_new[b]:
            return a, b
        kind = int(self.old.kind[a])
        unnamed = not self.old.named[a] and not self.new.named[b] and kind in MADE_OF
        alike = unnamed or self.old.full_names[a] == self.new.full_names[b]
        return (a, b) if alike and kind == self.new.kind[b] else None

    @cached_property
    def differs(self) -> Bools:
        """Rows of OLD whose own description is another in NEW."""
        return np.zeros(len(self.old), dtype=np.bool_) if self.old is self.new else differing(self)

    @cached_property
    def touched(self) -> Bools:
        """Rows of OLD that differ, or hold something that does by value (fields, elements of arrays)."""
        out = self.differs.copy()
        table = self.old
        arrays = np.flatnonzero((table.kind == tl.ARRAY) & (table.elem >= 0))
        parent = np.concatenate((table.fields.owner, arrays))
        child = np.concatenate((table.fields.type.astype(np.int64), table.elem[arrays].astype(np.int64)))
        held = (child >= 0) & ~tl.REFERS[table.kind[child]]
        parent, child = parent[held], child[held]
        while True:
            more = parent[out[child] & ~out[parent]]
            if not len(more):
                return out
            out[more] = True


def _pointed(table: TypeTable, row: int) -> int:
    """What unnamed pointers lead to, -1 when that is not known."""
    for _ in range(MAX_POINTERS):
        if row < 0 or table.kind[row] != tl.POINTER or table.named[row]:
            return row
        row = int(table.elem[row])
    return -1


def _partners(old: TypeTable, new: TypeTable) -> I64:
    """Pair by full name.

    Named types that share their name with others (local to functions) go by what they are made of, then by the names of
    their fields, hash, kind and order. The hash of a local type counts those declared before it, so it comes late.
    """
    rows = new.rows_by_name
    partner = np.array([rows.get(name, -1) for name in old.full_names], dtype=np.int64)
    structures = Structures(old, new)
    names = structures.shared
    if not names:
        return partner
    left = _of_names(old, names)
    free = _of_names(new, names)
    partner[left] = -1
    for look in (structures.number, structures.outline, structures.hash, structures.kind, _nothing):
        places: dict[tuple[str, int], list[int]] = {}
        for row in reversed(free):
            places.setdefault((new.base[row], look(1, row)), []).append(row)
        for row in left:
            found = places.get((old.base[row], look(0, row)))
            if found:
                partner[row] = found.pop()
        left = [row for row in left if partner[row] < 0]
        free = sorted(row for rest in places.values() for row in rest)
    return partner


def _of_names(table: TypeTable, names: set[str]) -> list[int]:
    return [row for row in np.flatnonzero(table.named).tolist() if table.base[row] in names]


def _nothing(_: int, __: int) -> int:
    return 0

"""Pair the types of two tables, and find those that are not alike: whole columns at a time."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from probes.binary import types_layouts as tl
from probes.binary.image import I64
from probes.binary.types import Bools, TypeTable
from probes.drift.layout_screen import differing


class Pairing:
    """Which type of OLD is which of NEW.

    `identity_old`, `identity_new`: shape (rows,), equal numbers for one type: named types by `partner`, others by their
    full name. `partner`: the row of NEW for each row of OLD, -1 without; of unnamed types with several rows, one.
    `differs`: rows of OLD whose own description is not that of their partner, whatever is behind the types they name.
    """

    def __init__(self, old: TypeTable, new: TypeTable) -> None:
        self.old, self.new = old, new
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

    @cached_property
    def differs(self) -> Bools:
        """Rows of OLD whose own description is another in NEW."""
        return differing(self)

    @cached_property
    def touched(self) -> Bools:
        """Rows of OLD that differ, or hold something that does by value (fields, elements of arrays)."""
        out = self.differs.copy()
        table = self.old
        arrays = np.flatnonzero((table.kind == tl.ARRAY) & (table.elem >= 0))
        parent = np.concatenate((table.fields.owner, arrays))
        child = np.concatenate((table.fields.type.astype(np.int64), table.elem[arrays].astype(np.int64)))
        parent, child = parent[child >= 0], child[child >= 0]
        while True:
            more = parent[out[child] & ~out[parent]]
            if not len(more):
                return out
            out[more] = True


def _partners(old: TypeTable, new: TypeTable) -> I64:
    """By full name. Those whose name several types share on one side only: by hash, by kind and size, by order."""
    rows = new.rows_by_name
    partner = np.array([rows.get(name, -1) for name in old.full_names], dtype=np.int64)
    taken = np.zeros(len(new), dtype=np.bool_)
    taken[partner[partner >= 0]] = True
    left, free = np.flatnonzero(partner < 0).tolist(), np.flatnonzero(~taken).tolist()
    bases = {new.base[row] for row in free}
    left = [row for row in left if old.base[row] in bases]
    for look in (_by_hash, _by_shape, _by_order):
        ours, theirs = look(old), look(new)
        places: dict[tuple[str, int], list[int]] = {}
        for row in reversed(free):
            places.setdefault((new.base[row], theirs[row]), []).append(row)
        for row in left:
            found = places.get((old.base[row], ours[row]))
            if found:
                partner[row] = found.pop()
        left = [row for row in left if partner[row] < 0]
        used = set(partner[partner >= 0].tolist()) if left else set()
        free = [row for row in free if row not in used]
    return partner


def _by_hash(table: TypeTable) -> list[int]:
    return [int(h) for h in table.hash.tolist()]


def _by_shape(table: TypeTable) -> list[int]:
    return [int(v) for v in (table.size << 5 | table.kind).tolist()]


def _by_order(table: TypeTable) -> list[int]:
    return [0] * len(table)

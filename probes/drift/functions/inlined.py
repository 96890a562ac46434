"""Attribute a change to the inlined callee that it comes from, and to a line of source."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from msgspec import Struct

from probes.drift.functions.explain import Explanation
from probes.errors import MalformedTable
from probes.go.table.functions import FuncTable
from probes.go.table.inlining import MAX_INLINE_DEPTH, inline_runs, inline_tree, inlined_names


class Suspects(Struct, frozen=True):
    """Functions whose inlined copies may explain a change.

    `proven`: they hold all of the change, so that one without a body of its own can be blamed; else only one that changed can.
    """

    names: frozenset[str]
    proven: bool

    def blamed(self, own: str, changed: set[str], unchanged: set[str]) -> tuple[str, ...]:
        """Those that are to blame for the change of `own`, where the bodies of `changed` and `unchanged` were compared."""
        names = self.names - unchanged - {own}
        return tuple(sorted(names if self.proven else names & changed))


def suspects(old: tuple[FuncTable, int], new: tuple[FuncTable, int], found: Explanation) -> Suspects:
    """The functions whose inlined copies hold the places of a change; where those are not known, all that both sides inline."""
    if not found.old_places and not found.new_places:
        return Suspects(frozenset(_inlined(*old) & _inlined(*new)), proven=False)
    ours, all_old = holding(*old, found.old_places)
    theirs, all_new = holding(*new, found.new_places)
    proven = (all_old or not found.old_places) and (all_new or not found.new_places)
    return Suspects(frozenset(ours | theirs), proven)


def holding(table: FuncTable, row: int, places: tuple[int, ...]) -> tuple[set[str], bool]:
    """Functions whose inlined copies hold some of `places` (offsets from the entry), and whether they hold them all."""
    if not places:
        return set(), False
    try:
        runs = inline_runs(table, row)
        tree = inline_tree(table, row, runs) if runs else ()
    except MalformedTable:
        return set(), False
    if not runs:
        return set(), False
    ends, records = np.array(runs, dtype=np.int64).T
    at = np.searchsorted(ends, np.array(places, dtype=np.int64), side="right")
    held = np.where(at < ends.size, records[np.minimum(at, ends.size - 1)], -1)
    names: set[str] = set()
    limits = ends.tolist()
    for first in dict.fromkeys(held.tolist()):
        record = first
        for _ in range(MAX_INLINE_DEPTH):
            if not 0 <= record < len(tree) or tree[record].name in names:
                break
            call = tree[record]
            names.add(call.name)
            if call.call_file < 0:
                place = bisect_right(limits, call.parent_pc)
                record = runs[place][1] if place < len(runs) else -1
            else:
                record = call.parent
    return names, bool((held >= 0).all())


def _inlined(table: FuncTable, row: int) -> set[str]:
    """Names of all functions that are inlined in one."""
    try:
        return inlined_names(table, row)
    except MalformedTable:
        return set()


def location(table: FuncTable, row: int, places: tuple[int, ...]) -> tuple[str, int]:
    """File and line of the first changed instruction, else of the function."""
    try:
        if places:
            return table.line(int(table.entry[row]) + places[0])
        return table.file(row), table.start(row)
    except MalformedTable:
        return "", 0

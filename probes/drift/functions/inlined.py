"""Attribute a change to the inlined callee that it comes from, and to a line of source."""

from __future__ import annotations

from bisect import bisect_right

from msgspec import Struct

from probes.drift.functions.explain import Explanation
from probes.errors import MalformedTable
from probes.go.table.functions import FuncTable
from probes.go.table.inlining import MAX_INLINE_DEPTH, inline_runs, inline_tree


class Blame(Struct, frozen=True):
    """Names of functions with a body of their own that was compared directly: with what outcome."""

    changed: set[str]
    unchanged: set[str]


def suspects(table: FuncTable, row: int, places: tuple[int, ...]) -> tuple[set[str], bool]:
    """Functions whose inlined copies hold some of `places` (offsets from the entry), and whether they hold them all."""
    try:
        runs = inline_runs(table, row)
        tree = inline_tree(table, row) if runs else ()
    except MalformedTable:
        return set(), False
    ends = [end for end, _ in runs]
    names: set[str] = set()
    covered = bool(places)
    for offset in places:
        at = bisect_right(ends, offset)
        record = runs[at][1] if at < len(runs) else -1
        covered &= record >= 0
        for _ in range(MAX_INLINE_DEPTH):
            if not 0 <= record < len(tree) or tree[record].name in names:
                break
            call = tree[record]
            names.add(call.name)
            if call.call_file < 0:
                at = bisect_right(ends, call.parent_pc)
                record = runs[at][1] if at < len(runs) else -1
            else:
                record = call.parent
    return names, covered


def inlined_names(table: FuncTable, row: int) -> set[str]:
    """Names of all functions that are inlined in one."""
    try:
        return {call.name for call in inline_tree(table, row)}
    except MalformedTable:
        return set()


def inlined_from(
    own: str,
    old: tuple[FuncTable, int],
    new: tuple[FuncTable, int],
    found: Explanation,
    blame: Blame,
) -> tuple[str, ...]:
    """The functions whose inlined copies explain a change.

    An inlined function without a body of its own can only be blamed when all of the change lies in inlined code. Where the places are not known, every changed
    function that is inlined on both sides is named.
    """
    if not found.old_places and not found.new_places:
        return tuple(sorted((inlined_names(*old) & inlined_names(*new) & blame.changed) - {own}))
    ours, all_old = suspects(*old, found.old_places)
    theirs, all_new = suspects(*new, found.new_places)
    if not found.old_places:
        all_old = True
    if not found.new_places:
        all_new = True
    names = (ours | theirs) - blame.unchanged - {own}
    if not (all_old and all_new):
        names &= blame.changed
    return tuple(sorted(names))


def location(table: FuncTable, row: int, places: tuple[int, ...]) -> tuple[str, int]:
    """File and line of the first changed instruction, else of the function."""
    try:
        if places:
            return table.line(int(table.entry[row]) + places[0])
        return table.file(row), table.start(row)
    except MalformedTable:
        return "", 0

"""Attribute a change to the inlined callee that it comes from, and to a line of source."""

from __future__ import annotations

from probes.binary.functable import FuncTable
from probes.drift.explain import Explanation
from probes.errors import MalformedTable


def inlined_at(table: FuncTable, row: int, offset: int) -> tuple[str, ...]:
    """Functions whose inlined copies hold the code `offset` bytes after the entry, innermost first."""
    try:
        stack = table.inline_stack(row, offset)
        tree = table.inline_tree(row) if stack else ()
        return tuple(tree[record].name for record in stack)
    except MalformedTable:
        return ()


def suspects(table: FuncTable, row: int, places: tuple[int, ...]) -> tuple[set[str], bool]:
    """Inlined functions at `places`, and whether every place lies in one of them."""
    names: set[str] = set()
    covered = bool(places)
    for offset in places[:500]:
        chain = inlined_at(table, row, offset)
        names.update(chain)
        covered &= bool(chain)
    return names, covered


def inlined_from(
    own: str,
    old: tuple[FuncTable, int],
    new: tuple[FuncTable, int],
    found: Explanation,
    *,
    changed: set[str],
    unchanged: set[str],
) -> tuple[str, ...]:
    """The functions whose inlined copies explain a change.

    `changed` and `unchanged`: names of functions with a body of their own, compared directly. An inlined function without
    one can only be blamed when all of the change lies in inlined code.
    """
    ours, all_old = suspects(*old, found.old_places)
    theirs, all_new = suspects(*new, found.new_places)
    if not found.old_places:
        all_old = True
    if not found.new_places:
        all_new = True
    names = (ours | theirs) - unchanged - {own}
    if not (all_old and all_new):
        names &= changed
    return tuple(sorted(names))


def location(table: FuncTable, row: int, places: tuple[int, ...]) -> tuple[str, int]:
    """File and line of the first changed instruction, else of the function."""
    try:
        if places:
            return table.line(int(table.entry[row]) + places[0])
        return table.file(row), table.start(row)
    except MalformedTable:
        return "", 0

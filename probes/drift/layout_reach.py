"""Changes of a type and of everything that it reaches, each with the way there.

Both sides are walked together: from a pair of types to the pairs in fields of the same name, elements, keys, parameters
and methods. What is reached through values only comes first; a type that is reached both ways counts as held by value.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from probes.binary import types_layouts as tl
from probes.drift.layout_changes import OwnChanges, keyed_fields, visible
from probes.drift.layout_facts import LayoutChange, Via
from probes.drift.layout_side import Pairing

MAX_PATH = 64
"""Steps of a path. Deeper ones in real programs go round in circles through types that were seen."""


@dataclass(frozen=True, slots=True)
class _Node:
    old: int
    new: int
    path: str
    steps: int
    via: Via
    hidden: bool


def reach(pairing: Pairing, old_row: int, new_row: int, *, by_reference: bool) -> tuple[LayoutChange, ...]:
    """All changes that the type at `old_row` of OLD, and `new_row` of NEW, reaches, its own first.

    Args:
        pairing: the two tables.
        old_row: the type in OLD.
        new_row: the type in NEW.
        by_reference: also go through pointers, slices, maps, channels, functions and interfaces.
    """
    own = OwnChanges(pairing)
    out: list[LayoutChange] = []
    values = deque([_Node(old_row, new_row, short_name(pairing.old.base[old_row]), 0, "value", hidden=False)])
    references: deque[_Node] = deque()
    seen: set[tuple[int, int]] = set()
    while values or references:
        node = values.popleft() if values else references.popleft()
        if (node.old, node.new) in seen or node.steps > MAX_PATH:
            continue
        seen.add((node.old, node.new))
        if _unlike(pairing, node):
            out += [_placed(change, node) for change in own.of(node.old, node.new)]
        if pairing.old.kind[node.old] != pairing.new.kind[node.new]:
            continue
        for child in _children(pairing, node):
            if child.old < 0 or child.new < 0:
                continue
            if pairing.identity_old[child.old] != pairing.identity_new[child.new]:
                continue  # another type stands there: that is the change, and it has been reported
            if child.via == "reference":
                if by_reference:
                    references.append(child)
            elif by_reference or pairing.touched[child.old]:
                values.append(child)
    return tuple(out)


def _unlike(pairing: Pairing, node: _Node) -> bool:
    """Whether the pair has to be looked at: the screen found it, or it is another pair than the screen's."""
    return bool(pairing.differs[node.old]) or bool(pairing.partner[node.old] != node.new)


def _placed(change: LayoutChange, node: _Node) -> LayoutChange:
    path = f"{node.path}.{change.path}" if change.path else node.path
    return replace(change, path=path, via=node.via, hidden=node.hidden or change.hidden)


def _children(pairing: Pairing, node: _Node) -> Iterator[_Node]:
    old, new = pairing.old, pairing.new

    def child(a: int, b: int, step: str, *, reference: bool, hidden: bool = False) -> _Node:
        refers = reference or bool(tl.REFERS[old.kind[a]])
        via: Via = "reference" if refers else node.via
        return _Node(a, b, node.path + step, node.steps + 1, via, node.hidden or hidden)

    kind = int(old.kind[node.old])
    if kind == tl.STRUCT:
        theirs = keyed_fields(new, node.new)
        for key, member in keyed_fields(old, node.old).items():
            if key in theirs:
                unseen = not (visible(member) or visible(theirs[key]))
                yield child(member.row, theirs[key].row, f".{member.name}", reference=False, hidden=unseen)
    elif tl.HAS_ELEM[kind]:
        step = "" if kind == tl.POINTER else "[]"
        yield child(int(old.elem[node.old]), int(new.elem[node.new]), step, reference=kind != tl.ARRAY)
        if kind == tl.MAP:
            yield child(int(old.key[node.old]), int(new.key[node.new]), "[key]", reference=True)
    elif kind == tl.FUNC:
        ours, other = old.params_of(node.old), new.params_of(node.new)
        for word, a, b in zip(("in", "out"), ours, other, strict=True):
            for number, (x, y) in enumerate(zip(a, b, strict=False)):
                yield child(x, y, f"({word} {number})", reference=True)
    elif kind == tl.INTERFACE:
        methods = {(m.package, m.name): m.row for m in new.methods_of(node.new)}
        for method in old.methods_of(node.old):
            other_row = methods.get((method.package, method.name), -1)
            yield child(method.row, other_row, f".{method.name}()", reference=True)


def short_name(name: str) -> str:
    """A full name without the import path, and without what tells local types apart: `Order`."""
    plain = name.split("[", 1)[0]
    return name[plain.rfind(".") + 1 :]

"""Changes of a type and of everything that it reaches, each with the way there.

Both sides are walked together: from a pair of types to the pairs in fields of the same name, elements, keys, parameters
and methods. What is reached through values only comes first; a type that is reached both ways counts as held by value.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from probes.binary import types_layouts as tl
from probes.binary.types import TypeTable
from probes.drift.layout_changes import UNSENT, OwnChanges, keyed_fields, visible
from probes.drift.layout_facts import LayoutChange, Via
from probes.drift.layout_side import Pairing
from probes.errors import MalformedTable
from probes.records import dataclass

MAX_PATH = 1000
"""Characters of a path; longer ones lose their middle."""
MAX_VISITS = 1_000_000
"""Pairs that one comparison looks at. Two releases of a program with 9,000 named types take some thousand."""


@dataclass(frozen=True, slots=True)
class _Node:
    old: int
    new: int
    path: str
    via: Via
    hidden: bool


class Walk:
    """Walks a pairing, from any number of types, within one bound."""

    def __init__(self, pairing: Pairing) -> None:
        self.pairing = pairing
        self._own = OwnChanges(pairing)
        self._left = MAX_VISITS

    def changes(self, old_row: int, new_row: int, *, by_reference: bool) -> tuple[LayoutChange, ...]:
        """All changes that the type at `old_row` of OLD, and `new_row` of NEW, reaches, its own first.

        Args:
            old_row: the type in OLD.
            new_row: the type in NEW.
            by_reference: also go through pointers, slices, maps, channels, functions and interfaces.

        Raises:
            MalformedTable: the types nest into one another more than those of any program.
        """
        pairing = self.pairing
        out: list[LayoutChange] = []
        values = deque([_Node(old_row, new_row, short_name(pairing.old.base[old_row]), "value", hidden=False)])
        references: deque[_Node] = deque()
        seen: set[tuple[int, int]] = set()
        while values or references:
            node = values.popleft() if values else references.popleft()
            if (node.old, node.new) in seen:
                continue
            seen.add((node.old, node.new))
            self._left -= 1
            if self._left < 0:
                raise MalformedTable("the types nest into one another without end", subject=pairing.new.path)
            if _unlike(pairing, node):
                out += [_placed(change, node) for change in self._own.of(node.old, node.new)]
            if by_reference:
                out += [_placed(change, node) for change in self._own.encoding(node.old, node.new)]
            for child in _children(pairing, node):
                if child.via == "value" and (by_reference or pairing.touched[child.old]):
                    values.append(child)
                elif child.via == "reference" and by_reference:
                    references.append(child)
        return tuple(out)


def _unlike(pairing: Pairing, node: _Node) -> bool:
    """Whether the pair has to be looked at: the screen found it, or it is another pair than the screen's."""
    return bool(pairing.differs[node.old]) or bool(pairing.partner[node.old] != node.new)


def _placed(change: LayoutChange, node: _Node) -> LayoutChange:
    path = f"{node.path}.{change.path}" if change.path else node.path
    return replace(change, path=path, via=node.via, hidden=node.hidden or change.hidden)


def _children(pairing: Pairing, node: _Node) -> list[_Node]:
    """What both sides of a pair lead to, where it is the same type; another type is a change that was reported."""
    old, new = pairing.old, pairing.new
    kind = int(old.kind[node.old])
    if kind != new.kind[node.new]:
        return []
    out = []
    for step, a, b, hidden in _steps(old, new, node, kind):
        if a < 0 or b < 0 or pairing.identity_old[a] != pairing.identity_new[b]:
            continue
        holds = kind in {tl.STRUCT, tl.ARRAY} and not tl.REFERS[old.kind[a]]
        via: Via = node.via if holds else "reference"
        unsent = hidden or kind in UNSENT or kind == tl.INTERFACE
        out.append(_Node(a, b, _bounded(node.path + step), via, node.hidden or unsent))
    return out


def _steps(old: TypeTable, new: TypeTable, node: _Node, kind: int) -> Iterator[tuple[str, int, int, bool]]:
    """The types that a type is made of: step of the path, rows in OLD and NEW, and whether a hidden field holds it."""
    if kind == tl.STRUCT:
        theirs = keyed_fields(new, node.new)
        for key, member in keyed_fields(old, node.old).items():
            if key in theirs:
                other = theirs[key]
                yield f".{member.name}", member.row, other.row, not (visible(member) or visible(other))
    elif kind == tl.FUNC:
        for word, ours, others in zip(("in", "out"), old.params_of(node.old), new.params_of(node.new), strict=True):
            for number, (a, b) in enumerate(zip(ours, others, strict=False)):
                yield f"({word} {number})", a, b, False
    elif kind == tl.INTERFACE:
        methods = {(m.package, m.name): m.row for m in new.methods_of(node.new)}
        for method in old.methods_of(node.old):
            yield f".{method.name}()", method.row, methods.get((method.package, method.name), -1), False
    else:
        yield "" if kind == tl.POINTER else "[]", int(old.elem[node.old]), int(new.elem[node.new]), False
        yield "[key]", int(old.key[node.old]), int(new.key[node.new]), False


def _bounded(path: str) -> str:
    return path if len(path) <= MAX_PATH else f"{path[: MAX_PATH // 2]}…{path[-MAX_PATH // 3 :]}"


def short_name(name: str) -> str:
    """A full name without the import path, and without what tells local types apart: `Order`."""
    plain = name.split("[", 1)[0]
    return name[plain.rfind(".") + 1 :]

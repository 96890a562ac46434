"""Changes of a type and of everything that it reaches, each with the way there.

Both sides are walked together: from a pair of types to the pairs in fields of the same name, elements, keys, parameters
and methods. What is reached through values only comes first; a type that is reached both ways counts as held by value.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from probes.drift.types.changes import UNSENT, OwnChanges, keyed_fields
from probes.drift.types.facts import LayoutChange, Via
from probes.drift.types.json_fields import JsonNames
from probes.drift.types.oneof import Oneofs
from probes.drift.types.pairing import Pairing
from probes.drift.types.wire_tags import BY_NAME, Codec, json_name, protobuf_tag, unseen
from probes.errors import MalformedTable
from probes.go.types import layouts as tl
from probes.go.types.table import Field, TypeTable

MAX_PATH = 1000
"""Characters of a path; longer ones lose their middle."""
MAX_VISITS = 1_000_000
"""Pairs that one comparison looks at. Two releases of a program with 9,000 named types take some thousand."""

_Step = tuple[str, int, int, frozenset[Codec]]
"""A step of the path, rows in OLD and NEW, and the codecs that do not go there."""


class _Node(Struct, frozen=True):
    old: int
    new: int
    path: str
    via: Via
    unseen: frozenset[Codec]


class Walk:
    """Walks a pairing, from any number of types, within one bound."""

    def __init__(self, pairing: Pairing) -> None:
        self.pairing = pairing
        self._own = OwnChanges(pairing)
        self._json = JsonNames(pairing)
        self._oneofs = Oneofs(pairing)
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
        found: dict[tuple[int, int], list[LayoutChange]] = {}
        values = deque([_Node(old_row, new_row, short_name(pairing.old.base[old_row]), "value", frozenset())])
        references: deque[_Node] = deque()
        missed: dict[tuple[int, int], frozenset[Codec]] = {}
        while values or references:
            node = values.popleft() if values else references.popleft()
            pair = node.old, node.new
            if pair in missed:
                # Another way to the same types: it counts when a codec goes it that went none before.
                if missed[pair] <= node.unseen:
                    continue
                node = replace(node, unseen=missed[pair] & node.unseen)
            missed[pair] = node.unseen
            self._left -= 1
            if self._left < 0:
                raise MalformedTable("the types nest into one another without end", subject=pairing.new.path)
            own = self._own.of(node.old, node.new) if _unlike(pairing, node) else []
            if by_reference:
                own += self._own.encoding(node.old, node.new)
                if pairing.old.kind[node.old] == pairing.new.kind[node.new] == tl.STRUCT:
                    own += self._of_one_codec(node)
                    references += self._members(node)
            found[pair] = [_placed(change, node) for change in own]
            for child in _children(pairing, node, by_reference=by_reference):
                if child.via == "value" and (by_reference or pairing.touched[child.old]):
                    values.append(child)
                elif child.via == "reference" and by_reference:
                    references.append(child)
        return tuple(change for changes in found.values() for change in changes)

    def _of_one_codec(self, node: _Node) -> Iterator[LayoutChange]:
        """What only json, or only protobuf, sees of two structs."""
        if "json" not in node.unseen:
            for path, detail in self._json.displaced(node.old, node.new):
                yield self._own.seen_by("json", node.old, node.new, path, detail)
        if "protobuf" not in node.unseen:
            for name, member, other in self._oneofs.of(node.old, node.new):
                if other < 0:
                    detail = f"{name} no longer holds a {self.pairing.old.name(member)}"
                    yield self._own.seen_by("protobuf", node.old, node.new, name, detail)

    def _members(self, node: _Node) -> Iterator[_Node]:
        """Members of oneof fields, which only protobuf writes."""
        if "protobuf" not in node.unseen:
            for name, member, other in self._oneofs.of(node.old, node.new):
                path = _bounded(f"{node.path}.{name}.({short_name(self.pairing.old.base[member])})")
                if other >= 0:
                    yield _Node(member, other, path, "reference", node.unseen | (BY_NAME - {"protobuf"}))


def _unlike(pairing: Pairing, node: _Node) -> bool:
    """Whether the pair has to be looked at: the screen found it, or it is another pair than the screen's."""
    return bool(pairing.differs[node.old]) or bool(pairing.partner[node.old] != node.new)


def _placed(change: LayoutChange, node: _Node) -> LayoutChange:
    path = f"{node.path}.{change.path}" if change.path else node.path
    unseen = node.unseen | change.unseen
    return replace(change, path=path, via=node.via, hidden=change.hidden or unseen == BY_NAME, unseen=unseen)


def _children(pairing: Pairing, node: _Node, *, by_reference: bool) -> list[_Node]:
    """What both sides of a pair lead to, where it is the same type, or (`by_reference`) the same to some codecs.

    Another type is a change that was reported.
    """
    old, new = pairing.old, pairing.new
    kind = int(old.kind[node.old])
    if kind != new.kind[node.new]:
        return []
    out = []
    steps = list(_steps(old, new, node, kind))
    if by_reference and kind == tl.STRUCT:
        steps += _heirs(old, new, node)
    for step, a, b, skipped in steps:
        if a < 0 or b < 0:
            continue
        if pairing.identity_old[a] != pairing.identity_new[b]:
            inner = pairing.inside(a, b) if by_reference else None
            if inner is None:
                continue
            a, b = inner  # noqa: PLW2901
        holds = kind in {tl.STRUCT, tl.ARRAY} and not tl.REFERS[old.kind[a]]
        via: Via = node.via if holds else "reference"
        if kind in UNSENT or kind == tl.INTERFACE:
            skipped = BY_NAME  # noqa: PLW2901
        out.append(_Node(a, b, _bounded(node.path + step), via, node.unseen | skipped))
    return out


def _heirs(old: TypeTable, new: TypeTable, node: _Node) -> Iterator[_Step]:
    """Fields that went, with those that came and that a codec takes for them."""
    was, now = keyed_fields(old, node.old), keyed_fields(new, node.new)
    gone, came = ([m for key, m in one.items() if key not in other] for one, other in ((was, now), (now, was)))
    ways: tuple[tuple[Codec, Callable[[Field], str]], ...] = (
        ("json", lambda member: json_name(member.name, member.tag)[0]),
        ("protobuf", lambda member: protobuf_tag(member.tag)[0]),
    )
    for codec, key_of in ways:
        heirs = {key_of(member): member for member in came}
        for member in gone:
            heir = heirs.get(key_of(member)) if key_of(member) else None
            if heir is not None:
                skipped = (unseen(member) & unseen(heir)) | (BY_NAME - {codec})
                yield f".{member.name}", member.row, heir.row, skipped


def _steps(old: TypeTable, new: TypeTable, node: _Node, kind: int) -> Iterator[_Step]:
    """The types that a type is made of."""
    if kind == tl.STRUCT:
        theirs = keyed_fields(new, node.new)
        for key, member in keyed_fields(old, node.old).items():
            if key in theirs:
                other = theirs[key]
                yield f".{member.name}", member.row, other.row, unseen(member) & unseen(other)
    elif kind == tl.FUNC:
        for word, ours, others in zip(("in", "out"), old.params_of(node.old), new.params_of(node.new), strict=True):
            for number, (a, b) in enumerate(zip(ours, others, strict=False)):
                yield f"({word} {number})", a, b, frozenset()
    elif kind == tl.INTERFACE:
        methods = {(m.package, m.name): m.row for m in new.methods_of(node.new)}
        for method in old.methods_of(node.old):
            yield f".{method.name}()", method.row, methods.get((method.package, method.name), -1), frozenset()
    else:
        yield "" if kind == tl.POINTER else "[]", int(old.elem[node.old]), int(new.elem[node.new]), frozenset()
        yield "[key]", int(old.key[node.old]), int(new.key[node.new]), frozenset()


def _bounded(path: str) -> str:
    return path if len(path) <= MAX_PATH else f"{path[: MAX_PATH // 2]}…{path[-MAX_PATH // 3 :]}"


def short_name(name: str) -> str:
    """A full name without the import path, and without what tells local types apart: `Order`."""
    plain = name.split("[", 1)[0]
    return name[plain.rfind(".") + 1 :]

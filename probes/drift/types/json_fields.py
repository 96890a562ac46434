"""Which fields encoding/json reads and writes under which name: embedded structs, conflicts, and what changed in that.

The rules are those of encoding/json's typeFields: the shallowest field of a name counts, of several at one depth the one
that is tagged, and none of them if that does not decide. An embedded struct without a tag lends its fields.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from probes.drift.types.changes import keyed_fields
from probes.drift.types.pairing import Pairing
from probes.drift.types.wire_tags import json_name, json_tag
from probes.errors import MalformedTable
from probes.go.types import layouts as tl
from probes.go.types.table import Field, TypeTable

MAX_DEPTH = 100
"""Structs embedded in one another; programs have some."""
MAX_FIELDS = 5_000_000
"""JSON names that one comparison looks at; with embedding, a field has one in each struct around it."""
_Path = tuple[str, ...]
_Rows = tuple[int, int]
_Both = tuple[dict[tuple[str, int], Field], dict[tuple[str, int], Field], dict[str, list[str]]]


def json_fields(table: TypeTable, row: int) -> dict[str, _Path]:
    """The Go path of each JSON name of a struct.

    Raises:
        MalformedTable: structs are embedded in one another without end.
    """
    named: dict[str, list[tuple[int, bool, _Path]]] = {}
    level: list[tuple[int, _Path]] = [(row, ())]
    times: Counter[int] = Counter()
    seen: set[int] = set()
    depth = 0
    while level:
        if depth > MAX_DEPTH:
            raise MalformedTable("structs are embedded in one another without end", subject=table.path)
        deeper: list[tuple[int, _Path]] = []
        again: Counter[int] = Counter()
        for struct, path in level:
            seen.add(struct)
            for member in table.fields_of(struct):
                lent = _struct(table, member)
                if not (member.exported or lent >= 0) or json_tag(member.tag) == "-":
                    continue
                tagged = bool(json_tag(member.tag))
                if lent >= 0 and not tagged:
                    again[lent] += 1
                    if again[lent] == 1 and lent not in seen:
                        deeper.append((lent, (*path, member.name)))
                    continue
                name = json_name(member.name, member.tag)[0]
                # The same struct twice at one depth: its fields conflict with themselves.
                named.setdefault(name, []).extend(
                    [(depth, not tagged, (*path, member.name))] * min(times[struct] or 1, 2)
                )
        level, times, depth = deeper, again, depth + 1
    return {name: best for name, found in named.items() if (best := _dominant(found))}


def _struct(table: TypeTable, member: Field) -> int:
    """The struct that a field embeds, itself or by pointer, -1 if it does not."""
    row = member.row
    if row >= 0 and table.kind[row] == tl.POINTER and not table.named[row]:
        row = int(table.elem[row])
    return row if member.embedded and row >= 0 and table.kind[row] == tl.STRUCT else -1


def _dominant(found: list[tuple[int, bool, _Path]]) -> _Path:
    first, *rest = sorted(found)
    return () if rest and rest[0][:2] == first[:2] else first[2]


class JsonNames:
    """Compares the JSON names of structs of a pairing, within one bound."""

    def __init__(self, pairing: Pairing) -> None:
        self.pairing = pairing
        self._left = MAX_FIELDS

    def displaced(self, old_row: int, new_row: int) -> Iterator[tuple[str, str]]:
        """JSON names of OLD that lead elsewhere in NEW, although the field, or one that came for it, is there.

        Fields that went, and those whose own name changed, are changes by themselves.

        Yields:
            the Go path from the struct on, and what happened.

        Raises:
            MalformedTable: structs are embedded in one another more than those of any program.
        """
        ours, theirs = json_fields(self.pairing.old, old_row), json_fields(self.pairing.new, new_row)
        self._left -= len(ours) + len(theirs)
        if self._left < 0:
            raise MalformedTable("structs are embedded in one another without end", subject=self.pairing.new.path)
        known: dict[tuple[int, int], _Both] = {}
        for name, path in ours.items():
            now = theirs.get(name)
            if now == path:
                continue
            places = self._places((old_row, new_row), name, path, known)
            if places and now not in places:
                where = f"goes into {'.'.join(now)}" if now else "is ignored"
                yield ".".join(path), f"the JSON name {name} of {'.'.join(path)} {where}"

    def _places(self, rows: _Rows, name: str, path: _Path, known: dict[_Rows, _Both]) -> list[_Path]:
        """Where NEW should have the field: at its own path, or at those of fields that came and have its JSON name."""
        for i, step in enumerate(path):
            if min(rows) < 0:
                return []
            if rows not in known:
                known[rows] = _both(self.pairing, rows)
            ours, others, came = known[rows]
            old, new = ours.get((step, 0)), others.get((step, 0))
            last = i + 1 == len(path)
            if last and new is None:
                return [(*path[:i], each) for each in came.get(name, ())]
            if old is None or new is None or old.embedded != new.embedded:
                return []
            if last:
                return [path] if json_name(new.name, new.tag)[0] == name else []
            rows = _struct(self.pairing.old, old), _struct(self.pairing.new, new)
        return []


def _both(pairing: Pairing, rows: _Rows) -> _Both:
    """The fields of both sides by name, and the names of those that came by JSON name."""
    ours, others = keyed_fields(pairing.old, rows[0]), keyed_fields(pairing.new, rows[1])
    came: dict[str, list[str]] = {}
    for key, member in others.items():
        if key not in ours:
            came.setdefault(json_name(member.name, member.tag)[0], []).append(member.name)
    return ours, others, came

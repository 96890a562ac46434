"""What differs between two descriptions of one type: fields, methods, and the properties of the type itself."""

from __future__ import annotations

from collections import Counter
from typing import assert_never

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from probes.drift.initialisers import longest_rise
from probes.drift.types.facts import ChangeOf, Effect, FieldSide, LayoutChange
from probes.drift.types.pairing import Pairing
from probes.drift.types.screen import masks_differ
from probes.drift.types.wire_tags import BY_NAME, Codec, unseen
from probes.go.types import layouts as tl
from probes.go.types.table import Field, Method, TypeTable

ENCODERS = frozenset(
    f"{verb}{what}" for verb in ("Marshal", "Unmarshal") for what in ("", "Binary", "Text", "JSON")
) | {"GobEncode", "GobDecode", "ProtoReflect"}
"""Methods that encoding/gob, encoding/json and protobuf call instead of looking at fields."""


UNSENT = frozenset({tl.CHAN, tl.FUNC})
"""Kinds that no codec writes."""
_Rows = tuple[int, int]
"""A row of OLD and one of NEW."""


class OwnChanges(Struct, frozen=True):
    """Compares single types of a pairing."""

    pairing: Pairing

    def of(self, old_row: int, new_row: int) -> list[LayoutChange]:
        """The changes of one type, without what is behind the types that it names. `path` is the member's name."""
        old, new = self.pairing.old, self.pairing.new
        kind = int(old.kind[old_row])
        if kind != new.kind[new_row]:
            text = f"{old.kind_name(old_row)} → {new.kind_name(new_row)}"
            return [self._self(old_row, new_row, "kind", "breaking", f"kind {text}")]
        out: list[LayoutChange] = []
        if kind == tl.STRUCT:
            out += self._fields(old_row, new_row)
        elif kind == tl.INTERFACE:
            out += self._methods(old_row, new_row)
        elif kind == tl.FUNC:
            out += self._signature(old_row, new_row)
        out += self._properties(old_row, new_row)
        return out

    def encoding(self, old_row: int, new_row: int) -> list[LayoutChange]:
        """Whether the type began or ceased to encode itself, as far as both files tell."""
        old, new = self.pairing.old, self.pairing.new
        both = int(old.pointer[old_row]) >= 0 and int(new.pointer[new_row]) >= 0
        was, now = (set(encoders(t, r, pointer=both)) for t, r in ((old, old_row), (new, new_row)))
        if was == now:
            return []
        text = " and ".join(
            f"{word} {', '.join(sorted(names))}"
            for word, names in (("lost", was - now), ("gained", now - was))
            if names
        )
        return [self._self(old_row, new_row, "encoders", "breaking", f"{old.name(old_row)} {text}")]

    def seen_by(self, codec: Codec, old_row: int, new_row: int, path: str, detail: str) -> LayoutChange:
        """A change that only one codec sees."""
        change = self._self(old_row, new_row, "json" if codec == "json" else "protobuf", "breaking", detail)
        return replace(change, path=path, unseen=BY_NAME - {codec})

    def _self(self, old_row: int, new_row: int, of: ChangeOf, effect: Effect, detail: str) -> LayoutChange:
        unsent = int(self.pairing.old.kind[old_row]) in UNSENT
        return LayoutChange(
            of=of,
            effect=effect,
            owner=self.pairing.old.name(old_row),
            name="",
            path="",
            via="value",
            hidden=unsent,
            old=_side(self.pairing.old, old_row),
            new=_side(self.pairing.new, new_row),
            detail=detail,
            owner_encoders=_encoders(self.pairing, old_row, new_row),
            owner_kind=self.pairing.old.kind_name(old_row),
            unseen=BY_NAME if unsent else frozenset(),
        )

    def _properties(self, old_row: int, new_row: int) -> list[LayoutChange]:
        old, new = self.pairing.old, self.pairing.new
        out = []
        for column, of in (("elem", "elem"), ("key", "key")):
            a, b = int(getattr(old, column)[old_row]), int(getattr(new, column)[new_row])
            if self.pairing.identity_old[a] != self.pairing.identity_new[b]:
                change = self._self(old_row, new_row, "elem" if of == "elem" else "key", "breaking", "")
                text = f"{of} {old.name(a)} → {new.name(b)}"
                walked = self._walked(a, b)
                out.append(replace(change, old=_side(old, a), new=_side(new, b), detail=text, walked=walked))
        simple: tuple[tuple[str, ChangeOf, Effect], ...] = (
            ("length", "length", "breaking"),
            ("direction", "direction", "breaking"),
            ("size", "size", "reorder"),
            ("align", "align", "reorder"),
        )
        for column, of, effect in simple:
            x, y = int(getattr(old, column)[old_row]), int(getattr(new, column)[new_row])
            if x != y:
                out.append(self._self(old_row, new_row, of, effect, f"{of} {x} → {y}"))
        x, y = int(old.ptrdata[old_row]), int(new.ptrdata[new_row])
        rows = np.array([old_row]), np.array([new_row])
        if x != y or bool(masks_differ(old, new, *rows)[0]):
            text = f"pointer bytes {x} → {y}" if x != y else "pointers are in other words"
            out.append(self._self(old_row, new_row, "pointers", "reorder", text))
        return out

    def _signature(self, old_row: int, new_row: int) -> list[LayoutChange]:
        old, new = self.pairing.old, self.pairing.new
        ours = [[int(self.pairing.identity_old[r]) for r in part] for part in old.params_of(old_row)]
        theirs = [[int(self.pairing.identity_new[r]) for r in part] for part in new.params_of(new_row)]
        if ours == theirs and old.variadic[old_row] == new.variadic[new_row]:
            return []
        text = f"{signature(old, old_row)} → {signature(new, new_row)}"
        return [self._self(old_row, new_row, "signature", "breaking", text)]

    def _methods(self, old_row: int, new_row: int) -> list[LayoutChange]:
        old = {(m.package, m.name): m for m in self.pairing.old.methods_of(old_row)}
        new = {(m.package, m.name): m for m in self.pairing.new.methods_of(new_row)}
        out = []
        for key in sorted(old.keys() | new.keys(), key=lambda k: k[1]):
            a, b = old.get(key), new.get(key)
            if a is not None and b is not None and self._same(a.row, b.row):
                continue
            of: ChangeOf = "method-added" if a is None else "method-removed" if b is None else "method-changed"
            was, now = (m.signature.removeprefix("func") if m else "" for m in (a, b))
            text = f"{key[1]}{was} → {key[1]}{now}" if a and b else f"method {key[1]}{was or now} {of[7:]}"
            out.append(self._member((old_row, new_row), (of, "breaking", text), a, b))
        return out

    def _fields(self, old_row: int, new_row: int) -> list[LayoutChange]:
        rows = old_row, new_row
        old, new = keyed_fields(self.pairing.old, old_row), keyed_fields(self.pairing.new, new_row)
        both = [key for key in old if key in new]
        rank = {key: i for i, key in enumerate(k for k in new if k in old)}
        kept = longest_rise([rank[key] for key in both])
        out = []
        for key, a in old.items():
            if key not in new:
                text = f"field {a.name} {a.type} at {a.offset} removed"
                out.append(self._member(rows, ("removed", "breaking", text), a, None))
                continue
            out += self._field(rows, a, new[key], swapped=rank[key] not in kept)
        for key, b in new.items():
            if key not in old:
                text = f"field {b.name} {b.type} added at {b.offset}"
                out.append(self._member(rows, ("added", "append", text), None, b))
        return out

    def _field(self, rows: _Rows, a: Field, b: Field, *, swapped: bool) -> list[LayoutChange]:
        found: list[tuple[ChangeOf, Effect, str]] = []
        size, now = (int(t.size[f.row]) for t, f in ((self.pairing.old, a), (self.pairing.new, b)))
        if not self._same(a.row, b.row):
            found.append(("retyped", "breaking", f"{a.name}: {a.type} → {b.type}"))
        elif size != now:
            found.append(("resized", "reorder", f"{a.name} {a.type}: size {size} → {now}"))
        if swapped:
            found.append(("reordered", "reorder", f"{a.name} changed places: offset {a.offset} → {b.offset}"))
        elif a.offset != b.offset:
            found.append(("moved", "reorder", f"{a.name}: offset {a.offset} → {b.offset}"))
        if a.tag != b.tag:
            found.append(("tag", "breaking", f"{a.name}: tag `{a.tag}` → `{b.tag}`"))
        if a.embedded != b.embedded:
            found.append(("embedded", "breaking", f"{a.name} is {'no longer' if a.embedded else 'now'} embedded"))
        return [self._member(rows, what, a, b) for what in found]

    def _member(
        self, rows: _Rows, what: tuple[ChangeOf, Effect, str], a: Field | Method | None, b: Field | Method | None
    ) -> LayoutChange:
        """A change of a field or a method; `None` on the side that does not have it."""
        known = [m for m in (a, b) if m is not None]
        skipped = frozenset.intersection(*map(unseen, known))
        return LayoutChange(
            of=what[0],
            effect=what[1],
            owner=self.pairing.old.name(rows[0]),
            name=known[0].name,
            path=known[0].name,
            via="value",
            hidden=skipped == BY_NAME,
            old=_member_side(self.pairing.old, a),
            new=_member_side(self.pairing.new, b),
            detail=what[2],
            owner_encoders=_encoders(self.pairing, *rows),
            owner_kind=self.pairing.old.kind_name(rows[0]),
            unseen=skipped,
            walked=what[0] == "retyped" and a is not None and b is not None and self._walked(a.row, b.row),
        )

    def _walked(self, old_row: int, new_row: int) -> bool:
        return self.pairing.inside(old_row, new_row) is not None

    def _same(self, old_row: int, new_row: int) -> bool:
        return bool(self.pairing.identity_old[old_row] == self.pairing.identity_new[new_row])


def signature(table: TypeTable, row: int) -> str:
    """A function type written out, whatever its own name is."""
    inputs, outputs = table.params_of(row)
    ins = [table.name(r) for r in inputs]
    if table.variadic[row] and ins:
        ins[-1] = f"...{ins[-1].removeprefix('[]')}"
    outs = ", ".join(table.name(r) for r in outputs)
    return f"func({', '.join(ins)})" + (f" ({outs})" if len(outputs) > 1 else f" {outs}" if outs else "")


def keyed_fields(table: TypeTable, row: int) -> dict[tuple[str, int], Field]:
    """The fields of a struct by name and, for `_`, number."""
    seen: Counter[str] = Counter()
    out = {}
    for member in table.fields_of(row):
        out[member.name, seen[member.name]] = member
        seen[member.name] += 1
    return out


def _side(table: TypeTable, row: int, offset: int = -1, tag: str = "") -> FieldSide:
    if row < 0:
        return FieldSide("?", "", 0, offset, tag)
    size, length = int(table.size[row]), int(table.length[row])
    return FieldSide(table.name(row), table.kind_name(row), size, offset, tag, encoders(table, row), length)


def _member_side(table: TypeTable, member: Field | Method | None) -> FieldSide | None:
    match member:
        case None:
            return None
        case Field():
            return _side(table, member.row, member.offset, member.tag)
        case Method():
            return _side(table, member.row)
        case _:
            assert_never(member)


def encoders(table: TypeTable, row: int, *, pointer: bool = True) -> tuple[str, ...]:
    """Methods of the type, or (`pointer`) of a pointer to it, by which it encodes itself; sorted."""
    found: set[str] = set()
    for which in (row, int(table.pointer[row]) if pointer else -1):
        if which >= 0 and table.kind[which] != tl.INTERFACE:
            part = slice(int(table.methods.first[which]), int(table.methods.first[which + 1]))
            found |= ENCODERS & {table.names.text[i] for i in table.methods.name[part].tolist()}
    return tuple(sorted(found))


def _encoders(pairing: Pairing, old_row: int, new_row: int) -> tuple[str, ...]:
    return tuple(sorted({*encoders(pairing.old, old_row), *encoders(pairing.new, new_row)}))

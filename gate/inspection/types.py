"""The types of one binary, for `hotgate inspect`: how many there are, and the layouts of those that are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from gate.evidence.types import like
from probes.errors import MalformedTable, ProbeError
from probes.go.types import layouts as tl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from probes.go.facts import BinaryFacts
    from probes.go.types.table import TypeTable


class NoSuchType(ProbeError):
    """A type that was asked for is not in the file."""


class MemberLine(Struct, frozen=True):
    """A field of a struct, or a method of an interface. `offset` and `size` in bytes; null for methods."""

    name: str
    type: str
    offset: int | None
    size: int | None
    tag: str
    embedded: bool


class TypeLine(Struct, frozen=True):
    """One type; `size`, `align` and `pointers` (the bytes from its start that may hold pointers) in bytes."""

    name: str
    kind: str
    size: int
    align: int
    pointers: int
    of: str
    members: list[MemberLine]


class TypePart(Struct, frozen=True):
    """Counts of type descriptors; `itabs` are pairs of interface and type. `problems`: what could not be read."""

    total: int
    named: int
    structs: int
    interfaces: int
    itabs: int
    problems: list[str]
    shown: list[TypeLine]


def type_part(facts: BinaryFacts, names: Iterable[str]) -> TypePart | None:
    """The types of a binary, with the layouts of `names`; None when its types cannot be read and none is asked for.

    Raises:
        NoSuchType: a type of `names` is not in the file.
        MalformedTable: the types cannot be read, and some are asked for.
    """
    wanted = list(names)
    try:
        table = _table(facts)
    except MalformedTable:
        if wanted:
            raise
        return None
    named = table.named
    return TypePart(
        total=len(table),
        named=int(np.count_nonzero(named)),
        structs=int(np.count_nonzero(named & (table.kind == tl.STRUCT))),
        interfaces=int(np.count_nonzero(named & (table.kind == tl.INTERFACE))),
        itabs=len(table.itabs.fun),
        problems=list(table.problems),
        shown=[_line(table, _row(table, name)) for name in wanted],
    )


def _table(facts: BinaryFacts) -> TypeTable:
    if facts.types is None:
        raise MalformedTable("its types cannot be read", subject=facts.path)
    return facts.types.read()


def _row(table: TypeTable, name: str) -> int:
    row = table.find(name)
    if row < 0:
        similar = like(name, list(table.rows_by_name))
        hint = f"did you mean {' or '.join(similar)}?" if similar else "names are full: example.com/shop/orders.Order"
        raise NoSuchType(f"no type {name} in this file", subject=table.path, hint=hint)
    return row


def _line(table: TypeTable, row: int) -> TypeLine:
    info = table.info(row)
    members = [
        MemberLine(f.name, f.type, f.offset, int(table.size[f.row]) if f.row >= 0 else None, f.tag, f.embedded)
        for f in info.fields
    ]
    if info.kind == "interface":
        members = [MemberLine(m.name, m.signature, None, None, "", embedded=False) for m in info.methods]
    of = {"map": f"{info.key} to {info.elem}", "array": f"{info.length:,} of {info.elem}"}.get(info.kind, info.elem)
    return TypeLine(info.name, info.kind, info.size, info.align, info.ptrdata, of, members)

"""Oneof fields of generated protobuf code: an interface, and a struct with one tagged field for each member.

The members are found as protobuf's first Go API lists them: pointers to structs with the interface's only method, such
as `isOrder_Payment`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from probes.drift.types.changes import keyed_fields
from probes.drift.types.pairing import Pairing
from probes.drift.types.wire_tags import tag_value
from probes.go.types import layouts as tl
from probes.go.types.table import TypeTable

PREFIX = "is"
"""With what the method's name begins."""


class Members:
    """The members of the oneofs of one side."""

    def __init__(self, table: TypeTable) -> None:
        self.table = table

    @cached_property
    def _structs(self) -> dict[tuple[str, str], list[int]]:
        """Rows of structs by the package and name of a method of the pointer to them."""
        table, out = self.table, dict[tuple[str, str], list[int]]()
        text, package = table.names.text, table.package.tolist()
        for row, number in zip(table.methods.owner.tolist(), table.methods.name.tolist(), strict=True):
            if table.kind[row] != tl.POINTER or not text[number].startswith(PREFIX):
                continue
            struct = int(table.elem[row])
            if struct >= 0 and table.kind[struct] == tl.STRUCT:
                out.setdefault((text[package[struct]] if package[struct] >= 0 else "", text[number]), []).append(struct)
        return out

    def of(self, interface: int) -> list[int]:
        """The rows of the structs; empty when the row is no such interface."""
        table = self.table
        if interface < 0 or table.kind[interface] != tl.INTERFACE:
            return []
        methods = table.methods_of(interface)
        if len(methods) != 1:
            return []
        return self._structs.get((methods[0].package, methods[0].name), [])


class Oneofs:
    """Compares the oneof fields of a pairing."""

    def __init__(self, pairing: Pairing) -> None:
        self.pairing = pairing
        self._old, self._new = Members(pairing.old), Members(pairing.new)
        self._first: dict[tuple[int, int], tuple[int, int]] = {}

    def of(self, old_row: int, new_row: int) -> Iterator[tuple[str, int, int]]:
        """The members of the oneof fields that two structs share: field name, row in OLD, row in NEW (-1: it went).

        Two interfaces are reported once, with the first pair of structs: each oneof has an interface of its own.
        """
        theirs = keyed_fields(self.pairing.new, new_row)
        for key, member in keyed_fields(self.pairing.old, old_row).items():
            if key not in theirs or tag_value(member.tag, "protobuf_oneof") is None:
                continue
            ways = member.row, theirs[key].row
            if self._first.setdefault(ways, (old_row, new_row)) != (old_row, new_row):
                continue
            now = set(self._new.of(theirs[key].row))
            for struct in self._old.of(member.row):
                partner = int(self.pairing.partner[struct])
                yield member.name, struct, partner if partner in now else -1

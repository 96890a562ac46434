"""The types of a Go program, without DWARF: what the runtime's descriptors say, in columns, and views of single types.

A row is a type; rows are sorted by the address of the descriptor. -1 stands for no type, or one that is not in the file.
"""

from __future__ import annotations

from functools import cached_property

from msgspec import Struct

from probes.go.types import layouts as tl
from probes.go.types.columns import TypeColumns
from probes.go.types.full_names import base_names, distinct_names


class Field(Struct, frozen=True):
    """A field of a struct: `type` is a canonical name, `package` that of an unexported name, "" for an exported one."""

    name: str
    type: str
    row: int
    offset: int
    embedded: bool
    exported: bool
    tag: str
    package: str


class Method(Struct, frozen=True):
    """A method: `signature` is "" when the linker dropped it; `package` is that of an unexported name."""

    name: str
    signature: str
    row: int
    exported: bool
    package: str


class TypeInfo(Struct, frozen=True):
    """One type. Sizes in bytes. `length` is an array's, `direction` a channel's (1 receive, 2 send, 3 both)."""

    row: int
    name: str
    string: str
    package: str
    named: bool
    kind: str
    size: int
    align: int
    ptrdata: int
    hash: int
    address: int
    elem: str
    key: str
    length: int
    direction: int
    variadic: bool
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    fields: tuple[Field, ...]
    methods: tuple[Method, ...]


class TypeTable(TypeColumns, frozen=True, eq=False, dict=True):
    """All types of one file, by row and by name."""

    @cached_property
    def base(self) -> list[str]:
        """The full name of each row: import paths written out. Types that are local to functions may share one."""
        return base_names(self)

    @cached_property
    def full_names(self) -> list[str]:
        """`base`, with the type's hash after those that share a name (`main.T#1f2e3d4c`), so that no two are alike."""
        return distinct_names(self.base, self.hash.tolist())

    @cached_property
    def rows_by_name(self) -> dict[str, int]:
        """The row of each full name."""
        return {name: row for row, name in enumerate(self.full_names)}

    def find(self, name: str) -> int:
        """The row of the type with the full name `name`, -1 if there is none."""
        return self.rows_by_name.get(name, -1)

    def find_all(self, base: str) -> list[int]:
        """The rows of all types whose name without a hash is `base`."""
        return [row for row, name in enumerate(self.base) if name == base]

    def name(self, row: int) -> str:
        """The full name of `row`; "?" for -1."""
        return self.full_names[row] if row >= 0 else "?"

    def kind_name(self, row: int) -> str:
        """The kind of `row` as reflect spells it."""
        return tl.KINDS[int(self.kind[row])]

    def fields_of(self, row: int) -> tuple[Field, ...]:
        """The fields of a struct, in their order in memory."""
        part = range(int(self.fields.first[row]), int(self.fields.first[row + 1]))
        return tuple(self._field(row, i) for i in part)

    def _field(self, row: int, i: int) -> Field:
        name, type_row = int(self.fields.name[i]), int(self.fields.type[i])
        exported = bool(self.names.flags[name] & tl.NAME_EXPORTED)
        return Field(
            name=self.names.text[name],
            type=self.name(type_row),
            row=type_row,
            offset=int(self.fields.offset[i]),
            embedded=bool(self.fields.embedded[i]),
            exported=exported,
            tag=self.names.tag[name],
            package="" if exported else self._text(int(self.package[row])),
        )

    def methods_of(self, row: int) -> tuple[Method, ...]:
        """The methods of an interface, or those of another type."""
        out = []
        for i in range(int(self.methods.first[row]), int(self.methods.first[row + 1])):
            name, type_row = int(self.methods.name[i]), int(self.methods.type[i])
            exported = bool(self.names.flags[name] & tl.NAME_EXPORTED)
            own = self._text(int(self.names.package[name]))
            package = "" if exported else own or self._text(int(self.package[row]))
            signature = self.name(type_row) if type_row >= 0 else ""
            out.append(Method(self.names.text[name], signature, type_row, exported, package))
        return tuple(out)

    def info(self, row: int) -> TypeInfo:
        """Everything about one type."""
        inputs, outputs = self.params_of(row)
        elem, key = int(self.elem[row]), int(self.key[row])
        return TypeInfo(
            row=row,
            name=self.name(row),
            string=self.strings[row],
            package=self._text(int(self.package[row])),
            named=bool(self.named[row]),
            kind=self.kind_name(row),
            size=int(self.size[row]),
            align=int(self.align[row]),
            ptrdata=int(self.ptrdata[row]),
            hash=int(self.hash[row]),
            address=int(self.address[row]),
            elem=self.name(elem) if elem >= 0 else "",
            key=self.name(key) if key >= 0 else "",
            length=int(self.length[row]),
            direction=int(self.direction[row]),
            variadic=bool(self.variadic[row]),
            inputs=tuple(self.name(r) for r in inputs),
            outputs=tuple(self.name(r) for r in outputs),
            fields=self.fields_of(row),
            methods=self.methods_of(row),
        )

    def _text(self, index: int) -> str:
        return self.names.text[index] if index >= 0 else ""

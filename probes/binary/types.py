"""The types of a Go program, without DWARF: what the runtime's descriptors say, in columns, and views of single types.

A row is a type; rows are sorted by the address of the descriptor. -1 stands for no type, or one that is not in the file.
"""

from __future__ import annotations

import dataclasses
from dataclasses import field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from probes.binary import types_layouts as tl
from probes.binary.image import I64, Image
from probes.binary.types_canonical import base_names, distinct_names
from probes.binary.types_names import Names
from probes.records import dataclass

I32 = npt.NDArray[np.int32]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Fields:
    """Fields of all structs, one after the other. Those of row r are `first[r]` to `first[r + 1]`.

    `first`: shape (rows + 1,). The rest shape (fields,): `owner` the struct's row, `name` an index of the name table,
    `type` a row, `offset` bytes from the start of the struct.
    """

    first: I64
    owner: I64
    name: I64
    type: I32
    offset: I64
    embedded: Bools


@dataclass(frozen=True, slots=True)
class Methods:
    """Methods of interfaces, and those of other types, in the file's order (sorted by name); indexed as `Fields` is.

    `name`: an index of the name table; `type`: the function type without receiver, -1 where the linker dropped it.
    """

    first: I64
    owner: I64
    name: I64
    type: I32


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of function types, then their results; indexed as `Fields` is."""

    first: I64
    owner: I64
    type: I32


@dataclass(frozen=True, slots=True)
class Itabs:
    """Pairs of interface and concrete type that the linker prepared, shape (itabs,).

    `interface`, `concrete`: rows; `fun`: the address of the first function pointer, one for each of the interface's methods.
    """

    interface: I32
    concrete: I32
    fun: I64


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a struct: `type` is a canonical name, `package` that of an unexported name, "" for an exported one."""

    name: str
    type: str
    row: int
    offset: int
    embedded: bool
    exported: bool
    tag: str
    package: str


@dataclass(frozen=True, slots=True)
class Method:
    """A method: `signature` is "" when the linker dropped it; `package` is that of an unexported name."""

    name: str
    signature: str
    row: int
    exported: bool
    package: str


@dataclass(frozen=True, slots=True)
class TypeInfo:
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


@dataclasses.dataclass(frozen=True)
class TypeTable:
    """All types of one file; the columns have the shape (rows,).

    `align` is also the alignment as a field. `hash` covers a type's identity (its full name, or what it is made of), not
    its layout. `string` and `package` are indices of `names` (-1: none). `elem`, `key`, `pointer` (the type `*T`) are rows.
    `mask`: the address of the pointer mask, a bit for each word of `ptrdata`, 0 where the file holds none.
    `problems` says what did not hold; where there is one, what is missing may not be missing from the program.
    """

    path: str
    address: I64
    kind: U8
    size: I64
    ptrdata: I64
    align: U8
    hash: U32
    tflag: U8
    string: I64
    package: I64
    elem: I32
    key: I32
    pointer: I32
    length: I64
    direction: U8
    n_in: I64
    variadic: Bools
    mask: I64
    fields: Fields = field(repr=False)
    methods: Methods = field(repr=False)
    params: Params = field(repr=False)
    itabs: Itabs = field(repr=False)
    names: Names = field(repr=False)
    image: Image = field(repr=False)
    problems: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.address)

    @property
    def named(self) -> Bools:
        """Which types have a name of their own."""
        found: Bools = self.tflag & tl.TFLAG_NAMED != 0
        return found

    @cached_property
    def strings(self) -> list[str]:
        """What `reflect.Type.String` gives for each row: packages by their last element only."""
        text, star = self.names.text, (self.tflag & tl.TFLAG_EXTRA_STAR != 0).tolist()
        return [text[i][1:] if s else text[i] for i, s in zip(self.string.tolist(), star, strict=True)]

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

    def params_of(self, row: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Rows of the parameters and of the results of a function type."""
        part = self.params.type[int(self.params.first[row]) : int(self.params.first[row + 1])].tolist()
        split = int(self.n_in[row])
        return tuple(part[:split]), tuple(part[split:])

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

"""The types of a Go program as columns: what the runtime's descriptors hold, decoded."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from probes.elf.image import I64, Image
from probes.go.types import layouts as tl
from probes.go.types.names import Names

I32 = npt.NDArray[np.int32]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
Bools = npt.NDArray[np.bool_]


class Fields(Struct, frozen=True):
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


class Methods(Struct, frozen=True):
    """Methods of interfaces, and those of other types, in the file's order (sorted by name); indexed as `Fields` is.

    `name`: an index of the name table; `type`: the function type without receiver, -1 where the linker dropped it.
    """

    first: I64
    owner: I64
    name: I64
    type: I32


class Params(Struct, frozen=True):
    """Parameters of function types, then their results; indexed as `Fields` is."""

    first: I64
    owner: I64
    type: I32


class Itabs(Struct, frozen=True):
    """Pairs of interface and concrete type that the linker prepared, shape (itabs,).

    `interface`, `concrete`: rows; `fun`: the address of the first function pointer, one for each of the interface's methods.
    """

    interface: I32
    concrete: I32
    fun: I64


class TypeColumns(Struct, frozen=True, eq=False, dict=True):
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
    fields: Fields
    methods: Methods
    params: Params
    itabs: Itabs
    names: Names
    image: Image
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

    def params_of(self, row: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Rows of the parameters and of the results of a function type."""
        part = self.params.type[int(self.params.first[row]) : int(self.params.first[row + 1])].tolist()
        split = int(self.n_in[row])
        return tuple(part[:split]), tuple(part[split:])

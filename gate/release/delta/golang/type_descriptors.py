"""References in type descriptors, abi.Type and what follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gate.release.delta.golang.fields import Base, Found, listed, offsets, uint32

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gate.release.delta.golang.layout import Layout, Types

    I64 = NDArray[np.int64]
    U8 = NDArray[np.uint8]

# internal/abi/type.go: bytes of a descriptor before its uncommon record, by kind; a map's depend on the version.
_HEAD = np.full(32, 48, np.int64)
FUNC, INTERFACE, MAP, STRUCT = 19, 20, 21, 25
_HEAD[[22, 23, FUNC]] = 56  # pointer, slice
_HEAD[18] = 64  # chan
_HEAD[17] = 72  # array
_HEAD[[STRUCT, INTERFACE]] = 80
UNCOMMON, METHOD, IMETHOD = 16, 16, 8
MOST_METHODS = 1 << 12


def type_descriptors(image: U8, layout: Layout, table: Types, targets: I64, number: int) -> list[Found]:
    """Offsets of names, of types and of methods' code; their bases are `number` for code and the next for names and types.

    Descriptors are where one of `targets`, of words and operands, leads to something that looks like one.
    """
    code = Base(number, layout.text_base, nullable=True)
    types = Base(number + 1, table.base, nullable=True)
    end = table.offset + table.size
    at, kind = _descriptors(image, table, targets)
    uncommon = (at + np.where(kind == MAP, table.map_size, _HEAD[kind]))[image[at + 20] & 1 == 1]
    uncommon = uncommon[uncommon + UNCOMMON <= end]
    count = image[uncommon + 4].astype(np.int64) | image[uncommon + 5].astype(np.int64) << 8
    methods = _records(uncommon + uint32(image, uncommon + 8), count, METHOD, table)
    interface = at[kind == INTERFACE]
    first = layout.offsets(uint32(image, interface + 56) | uint32(image, interface + 60) << 32)
    wanted = _records(first, np.minimum(uint32(image, interface + 64), MOST_METHODS), IMETHOD, table)
    places = (
        (at + 40, types),  # str
        (at + 44, types),  # ptrToThis
        (uncommon, types),  # pkgPath
        (methods, types),  # name
        (methods + 4, types),  # mtyp
        (methods + 8, code),  # ifn
        (methods + 12, code),  # tfn
        (wanted, types),  # name
        (wanted + 4, types),  # typ
    )
    return [offsets(image, place[place % 4 == 0], base) for place, base in places]


def _descriptors(image: U8, table: Types, targets: I64) -> tuple[I64, I64]:
    """The places of descriptors and their kinds."""
    at = np.unique(targets - table.base)
    at = at[(at > 0) & (at <= table.size - 96) & (at % 8 == 0)] + table.offset
    kind = image[at + 23].astype(np.int64) & 31
    align = image[at + 21]
    good = (kind >= 1) & (kind <= 26) & (image[at + 20] < 64) & (align == image[at + 22]) & (align <= 8) & (align > 0)
    name = uint32(image, at + 40)
    good &= (name > 0) & (name < table.size) & (uint32(image, at + 4) == 0)
    return at[good], kind[good]


def _records(first: I64, count: I64, stride: int, table: Types) -> I64:
    """The places of the records of lists that lie among the descriptors whole."""
    good = (first >= table.offset) & (first + count * stride <= table.offset + table.size)
    first, count = first[good], count[good]
    if (
        int(count.sum()) * stride > 4 * table.size
    ):  # what only looked like descriptors led to the same bytes again and again
        return np.empty(0, np.int64)
    return listed(first, count, stride)

"""Fields of an image: numbers of 32 bits wherever they are, and references as they are found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

if TYPE_CHECKING:
    from numpy.typing import NDArray

    I64 = NDArray[np.int64]
    U8 = NDArray[np.uint8]

REL32, WORD, OFFSET, BRANCH, PAIR = range(5)
"""From the next byte on; an address; an offset from a base; 26 bits of an arm64 branch; ADRP and the instruction behind it."""

WIDTH = np.array([4, 8, 4, 4, 8])


class Found(Struct, frozen=True, eq=False):
    """References of one form and base that were found: their places in the file and their targets, shape (n,)."""

    place: I64
    form: int
    base: int
    target: I64


class Base(Struct, frozen=True):
    """What offsets count from: the `number` that references have for it, its address, and what their values are multiplied with.

    `nullable`: 0 and 0xFFFFFFFF stand for nothing.
    """

    number: int
    address: int
    scale: int = 1
    nullable: bool = False


def int32(image: U8, places: I64) -> I64:
    """The signed 32-bit numbers at `places`."""
    out = np.zeros(places.shape, np.uint32)
    for index in range(4):
        out |= image[places + index].astype(np.uint32) << np.uint32(8 * index)
    return out.view(np.int32).astype(np.int64)


def uint32(image: U8, places: I64) -> I64:
    """The unsigned 32-bit numbers at `places`."""
    return int32(image, places) & np.int64(0xFFFFFFFF)


def offsets(image: U8, place: I64, base: Base) -> Found:
    """The offsets at `place`."""
    value = uint32(image, place)
    if base.nullable:
        some = (value != 0) & (value != 0xFFFFFFFF)
        place, value = place[some], value[some]
    return Found(place, OFFSET, base.number, base.address + value * base.scale)


def listed(first: I64, count: I64, stride: int) -> I64:
    """The places of `count[i]` records, `stride` bytes apart, from `first[i]` on, one list after the other."""
    total = int(count.sum())
    return np.repeat(first - stride * (np.cumsum(count) - count), count) + stride * np.arange(total, dtype=np.int64)

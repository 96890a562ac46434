"""Type descriptors and itabs of one side: what is one, and what it is of."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from probes.arrays import contains
from probes.drift.side import Side
from probes.elf.image import I64, U64

Bools = npt.NDArray[np.bool_]

MAX_SIZE = 1 << 20
"""Bytes of a value that are looked at."""


def is_itab(side: Side, addresses: I64) -> Bools:
    """Whether each address is the start of an itab."""
    start, end = side.module.itabs
    if end > start:
        return (addresses >= start) & (addresses < end)
    return contains(side.itabs, addresses)


def type_size(side: Side, address: int) -> int | None:
    """Bytes of a value of the type at `address`, or of an itab's concrete type; None when neither is there."""
    where = np.array([address], dtype=np.int64)
    if is_itab(side, where)[0]:
        where = side.words_at(where + 8).view(np.int64)
    if not type_hash(side, where)[1][0]:
        return None
    return min(int(side.words_at(where)[0]), MAX_SIZE)


def type_hash(side: Side, addresses: I64) -> tuple[U64, Bools]:
    """Hash and kind of the type descriptors at `addresses`, and where there is one.

    abi.Type: size 0, ptrdata 8, hash u32 16, tflag u8 20, align u8 21, fieldAlign u8 22, kind u8 23, equal 24,
    gcdata 32, str i32 40. The hash covers the type's whole identity, but not its layout.
    """
    module = side.module
    found = np.zeros(addresses.shape, dtype=np.uint64)
    known = np.zeros(addresses.shape, dtype=np.bool_)
    rows = np.flatnonzero((addresses >= module.types) & (addresses <= module.etypes - 48) & (addresses % 8 == 0))
    if not rows.size:
        return found, known
    places = (addresses[rows, None] + np.array((0, 8, 16, 40))).ravel()
    size, ptrdata, flags, name = side.words_at(places).reshape(-1, 4).T
    name = name & np.uint64(0xFFFFFFFF)
    align, field_align = (flags >> np.uint64(40)) & np.uint64(0xFF), (flags >> np.uint64(48)) & np.uint64(0xFF)
    kind = (flags >> np.uint64(56)) & np.uint64(31)
    known[rows] = (
        (size < 1 << 50)
        & (ptrdata <= size)
        & ((flags >> np.uint64(32)) & np.uint64(0xFF) < 64)
        & (align > 0)
        & (align <= 64)
        & (field_align > 0)
        & (field_align <= 64)
        & (kind > 0)
        & (kind <= 26)
        & (name > 0)
        & (name < max(module.etypes - module.types, 1))
    )
    found[rows] = (flags & np.uint64(0xFFFFFFFF)) | (kind << np.uint64(32))
    return found, known

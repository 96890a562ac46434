"""Whole numbers as LEB128 (dwarfstd.org, section 7.6), all of an array at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gate.release.errors import ReleaseError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_BYTES = 9
"""Of one number: 63 bits."""


def encode(values: NDArray[np.int64]) -> bytes:
    """`values`, none of them negative, one after the other."""
    left = np.asarray(values, np.int64).astype(np.uint64)
    if not left.size:
        return b""
    columns = np.empty((left.size, MOST_BYTES), np.uint8)
    used = np.ones(left.size, np.int64)
    for index in range(MOST_BYTES):
        rest = left >> np.uint64(7)
        columns[:, index] = (left & np.uint64(0x7F)).astype(np.uint8) | np.where(rest > 0, 0x80, 0).astype(np.uint8)
        used += (rest > 0) if index + 1 < MOST_BYTES else 0
        left = rest
    return columns[np.arange(MOST_BYTES) < used[:, None]].tobytes()


def encode_signed(values: NDArray[np.int64]) -> bytes:
    """`values` as zigzag numbers: 0, -1, 1, -2 are 0, 1, 2, 3."""
    wide = np.asarray(values, np.int64)
    return encode((wide << 1) ^ (wide >> 63))


def decode(data: bytes, count: int | None = None) -> NDArray[np.int64]:
    """The numbers in `data`, `count` of them where that is known.

    Raises:
        ReleaseError: they are cut off, too long, or not that many.
    """
    raw = np.frombuffer(data, np.uint8)
    last = raw < 0x80
    found = int(np.count_nonzero(last))
    if (raw.size and not last[-1]) or (count is not None and found != count):
        raise ReleaseError("malformed", "not a delta: its numbers are cut off")
    if not raw.size:
        return np.empty(0, np.int64)
    ends = np.flatnonzero(last)
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    if int(lengths.max()) > MOST_BYTES:
        raise ReleaseError("malformed", "not a delta: a number has no end")
    values = np.zeros(found, np.int64)
    for index in range(int(lengths.max())):
        some = lengths > index
        values[some] |= (raw[starts[some] + index].astype(np.int64) & 0x7F) << (7 * index)
    return values


def decode_signed(data: bytes, count: int | None = None) -> NDArray[np.int64]:
    """As `decode`, of zigzag numbers."""
    values = decode(data, count)
    return (values >> 1) ^ -(values & 1)

"""bsdiff (Colin Percival, "Naive differences of executable code", 2003): copies whose bytes are added up.

`bsdiff4` finds the copies. Its file format is left alone: bzip2 makes the three parts larger than LZMA does, and its reader takes sizes
from the file before it knows them to be true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gate.release.delta import varint
from gate.release.delta.streams import pack
from gate.release.errors import ReleaseError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gate.release.delta.streams import Reader

MOST_COPIES = 1 << 22


def make(old: bytes, new: bytes) -> bytes:
    """The payload that makes `new` from `old`. Takes 17 times the size of `old` in memory, and up to minutes."""
    from bsdiff4 import core

    control, difference, extra = core.diff(old, new)
    return pack(varint.encode_signed(_numbers(control)), difference, extra)


def apply(old: bytes, reader: Reader, size: int) -> bytes:
    """The new image of `size` bytes.

    Raises:
        ReleaseError: the payload is damaged.
    """
    control = varint.decode_signed(reader.part(3 * varint.MOST_BYTES * min(size + 1, MOST_COPIES)))
    difference = np.frombuffer(reader.part(size), np.uint8)
    extra = reader.part(size)
    reader.end()
    if control.size % 3:
        raise ReleaseError("malformed", "not a delta: its copies do not make the image")
    copies = control.reshape(-1, 3)
    if (copies[:, :2] < 0).any() or difference.size + len(extra) != size:
        raise ReleaseError("malformed", "not a delta: its copies do not make the image")
    if (copies > size + len(old)).any() or tuple(copies[:, :2].sum(axis=0)) != (difference.size, len(extra)):
        raise ReleaseError("malformed", "not a delta: its copies do not make the image")
    source = np.frombuffer(old, np.uint8)
    new = np.empty(size, np.uint8)
    added = np.frombuffer(extra, np.uint8)
    at = from_difference = from_extra = place = 0
    for length, more, step in copies.tolist():
        if not 0 <= place <= place + length <= source.size:
            raise ReleaseError("malformed", "not a delta: it copies from beyond the old image")
        np.add(
            source[place : place + length],
            difference[from_difference : from_difference + length],
            out=new[at : at + length],
        )
        at, from_difference = at + length, from_difference + length
        new[at : at + more] = added[from_extra : from_extra + more]
        at, from_extra, place = at + more, from_extra + more, place + length + step
    return new.tobytes()


def _numbers(control: bytes | list[tuple[int, int, int]]) -> NDArray[np.int64]:
    """The copies, three numbers each; as bytes, which newer versions give, the uppermost bit is the sign of the others."""
    if not isinstance(control, bytes):
        return np.array(control, np.int64).reshape(-1)
    raw = np.frombuffer(control, "<u8")
    size = (raw & np.uint64((1 << 63) - 1)).astype(np.int64)
    return np.where(raw >> np.uint64(63), -size, size)

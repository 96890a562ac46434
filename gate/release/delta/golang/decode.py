"""Applying a delta of a Go program. What it says is hostile: all of it is bounded by the two images' sizes before memory is taken for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from gate.release.delta import varint
from gate.release.delta.golang import lookup, prediction, references
from gate.release.delta.golang.layout import Layout
from gate.release.errors import ReleaseError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gate.release.delta.streams import Reader

MAX_LAYOUT = 64 << 10
MOST_COPIES = 1 << 22
MOST_MOVES = 1 << 22


def apply(old: bytes, reader: Reader, size: int) -> bytes:
    """The new image of `size` bytes.

    Raises:
        ReleaseError: the payload is damaged.
    """
    before, after = _layouts(reader.part(MAX_LAYOUT), len(old), size)
    copies = _copies(reader, len(old), size)
    moves = _moves(reader)
    known = prediction.covered(copies, after)
    literal = reader.part(size)
    many = int(np.count_nonzero(known))
    if len(literal) != size - many:
        raise _damaged()
    values = np.zeros(many, np.uint8)
    _fill(values, reader, many)
    reader.end()
    source = np.frombuffer(old, np.uint8)
    found = references.find(source, before)
    image = prediction.predict(source, found, after, copies, moves)
    del found
    image[~known] = np.frombuffer(literal, np.uint8)
    missed = np.zeros(size, np.uint8)
    missed[known] = values
    start, length = after.lookup
    apart = missed[start : start + length].copy()
    image += missed
    # The table of `runtime.findfunc` follows from the function table, which is whole by now.
    image[start : start + length] = lookup.table(image, after) + apart
    return image.tobytes()


def _damaged() -> ReleaseError:
    return ReleaseError("malformed", "not a delta: it leads out of the image")


def _layouts(data: bytes, old_size: int, new_size: int) -> tuple[Layout, Layout]:
    try:
        before, after = msgspec.msgpack.decode(data, type=tuple[Layout, Layout])
    except (msgspec.DecodeError, RecursionError) as exc:
        raise ReleaseError("malformed", "not a delta: it describes no images") from exc
    before.check()
    after.check()
    if (before.size, after.size) != (old_size, new_size) or not before.is_like(after):
        raise _damaged()
    return before, after


def _copies(reader: Reader, old_size: int, new_size: int) -> prediction.Copies:
    limit = varint.MOST_BYTES * min(MOST_COPIES, new_size + 1)
    gap = varint.decode(reader.part(limit))
    step = varint.decode_signed(reader.part(limit), gap.size)
    length = varint.decode(reader.part(limit), gap.size)
    if gap.size and (int(gap.max()) > new_size or int(length.max()) > new_size or int(length.min()) < 1):
        raise _damaged()
    at = np.cumsum(gap + length) - length
    source = at + _sum(step)
    good = (source >= 0) & (source <= old_size - length) & (at <= new_size - length)
    if not good.all():
        raise _damaged()
    return prediction.Copies(at, source, length)


def _moves(reader: Reader) -> prediction.Moves:
    limit = varint.MOST_BYTES * MOST_MOVES
    step = varint.decode(reader.part(limit))
    shift = varint.decode_signed(reader.part(limit), step.size)
    start = _sum(step)
    if start.size and (int(start.min()) < 0 or (np.diff(start) < 0).any()):
        raise _damaged()
    return prediction.Moves(start, _sum(shift))


def _sum(steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sums of `steps`, none of which may leave 62 bits.

    Raises:
        ReleaseError: one does.
    """
    if steps.size and float(np.abs(steps.astype(np.float64)).sum()) > float(1 << 62):
        raise _damaged()
    return np.cumsum(steps)


def _fill(values: NDArray[np.uint8], reader: Reader, many: int) -> None:
    """Put the runs of bytes that the prediction missed to their places among `many`."""
    limit = varint.MOST_BYTES * (many + 1)
    gap = varint.decode(reader.part(limit))
    length = varint.decode(reader.part(limit), gap.size)
    given = np.frombuffer(reader.part(many), np.uint8)
    if not gap.size:
        if given.size:
            raise _damaged()
        return
    if int(gap.max()) > many or int(length.max()) > many or int(length.sum()) != given.size:
        raise _damaged()
    start = np.cumsum(gap + length) - length
    if int(start[-1] + length[-1]) > many:
        raise _damaged()
    place = np.repeat(start - (np.cumsum(length) - length), length) + np.arange(given.size)
    values[place] = given

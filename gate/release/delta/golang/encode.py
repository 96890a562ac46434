"""Making a delta of a Go program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from gate.release.delta import varint
from gate.release.delta.golang import copies as finding
from gate.release.delta.golang import fields, functions, lookup, prediction, references
from gate.release.delta.golang.layout import MOST_BYTES
from gate.release.delta.golang.moves import vote
from gate.release.delta.golang.reading import read_layout
from gate.release.delta.streams import pack
from gate.release.errors import ReleaseError
from probes.errors import ProbeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gate.release.delta.golang.layout import Layout

    U8 = NDArray[np.uint8]


def make(old: bytes, new: bytes) -> bytes:
    """The payload that makes `new` from `old`.

    Raises:
        ReleaseError: one of them is no Go program that can be read, or they are for different processors.
    """
    if max(len(old), len(new)) > MOST_BYTES:
        raise ReleaseError("other", f"no delta of Go programs: larger than {MOST_BYTES >> 20} MB")
    try:
        before, after = read_layout(old), read_layout(new)
    except ProbeError as exc:
        raise ReleaseError("other", f"no delta of Go programs: {exc.what}") from exc
    if before.machine != after.machine:
        raise ReleaseError("other", "no delta of Go programs: they are for different processors")
    if not before.is_like(after):
        before, after = (
            replace(each, columns=(), functions=None, types=None, lookup=(0, 0)) for each in (before, after)
        )
    before.check()
    after.check()
    one, other = _Side.of(old, before), _Side.of(new, after)
    found = _copies(one, other)
    moves = vote(found, one.found, other.found)
    guess = prediction.predict(one.image, one.found, after, found, moves)
    start, size = after.lookup
    guess[start : start + size] = lookup.table(other.image, after)
    known = prediction.covered(found, after)
    return pack(
        msgspec.msgpack.encode((before, after)),
        varint.encode(np.diff(found.at + found.length, prepend=0) - found.length),
        varint.encode_signed(np.diff(found.source - found.at, prepend=0)),
        varint.encode(found.length),
        varint.encode(np.diff(moves.start, prepend=0)),
        varint.encode_signed(np.diff(moves.shift, prepend=0)),
        other.image[~known].tobytes(),
        *_sparse((other.image - guess)[known]),
    )


class _Side(Struct, frozen=True, eq=False):
    """One of the two images, and its references."""

    image: U8
    layout: Layout
    found: references.References

    @classmethod
    def of(cls, data: bytes, layout: Layout) -> Self:
        image = np.frombuffer(data, np.uint8)
        return cls(image, layout, references.find(image, layout))

    def blanked(self) -> U8:
        """The image with zeros where references are."""
        out = self.image.copy()
        for form, width in enumerate(fields.WIDTH.tolist()):
            place = self.found.place[self.found.form == form]
            for index in range(width):
                out[place + index] = 0
        return out


def _copies(old: _Side, new: _Side) -> prediction.Copies:
    found = finding.find_copies(old.blanked(), new.blanked())
    table = new.layout.functions
    if old.layout.functions is not None and table is not None:
        rows = functions.table_copies(old.image, old.layout, new.image, new.layout)
        start, size = new.layout.lookup
        first = table.ftab + 8 * table.count
        regions = [(table.ftab, first), (first, table.offset + table.size), (start, start + size)]
        found = finding.combine(found, rows, regions)
    array = np.array(found, np.int64).reshape(-1, 3)
    return prediction.Copies(array[:, 0].copy(), array[:, 1].copy(), array[:, 2].copy())


def _sparse(missed: U8) -> tuple[bytes, bytes, bytes]:
    """The bytes of `missed` that are not zero: how many zeros are before each run of them, its length, and its bytes."""
    place = np.flatnonzero(missed).astype(np.int64)
    gap = np.diff(place, prepend=-1) - 1
    first = np.flatnonzero((gap > 0) | (np.arange(place.size) == 0))
    length = np.diff(np.append(first, place.size))
    return varint.encode(gap[first]), varint.encode(length), missed[place].tobytes()

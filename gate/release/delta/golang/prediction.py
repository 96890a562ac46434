"""The new image as far as the old one tells: bytes are copied, and references among them say where their targets went."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from gate.release.delta.golang import fields
from gate.release.delta.golang.machine_code import pair_scale
from gate.release.delta.golang.references import References, bases

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gate.release.delta.golang.layout import Layout

    I64 = NDArray[np.int64]
    U8 = NDArray[np.uint8]


class Copies(Struct, frozen=True, eq=False):
    """Copies, ascending and not overlapping in the new image: `at` there, `source` in the old one, `length`; shape (n,)."""

    at: I64
    source: I64
    length: I64


class Moves(Struct, frozen=True, eq=False):
    """Where addresses of the old image went: those from `start` on by `shift`; ascending, shape (n,)."""

    start: I64
    shift: I64

    def of(self, addresses: I64) -> I64:
        """The new addresses, shape (n,)."""
        if not self.start.size:
            return addresses
        index = np.searchsorted(self.start, addresses, side="right") - 1
        return addresses + np.where(index >= 0, self.shift[np.maximum(index, 0)], 0)


def carried(copies: Copies, found: References) -> tuple[I64, I64]:
    """References that copies carry whole: their indices in `found`, and their places in the new image."""
    first = np.searchsorted(found.place, copies.source, side="left")
    last = np.searchsorted(found.place + fields.WIDTH[found.form], copies.source + copies.length, side="right")
    count = np.maximum(0, last - first)
    total = int(count.sum())
    index = np.repeat(first - (np.cumsum(count) - count), count) + np.arange(total)
    place = found.place[index] + np.repeat(copies.at - copies.source, count)
    return index.astype(np.int64), place


def copied(old: U8, copies: Copies, size: int) -> U8:
    """The bytes that are copied, zeros between them; shape (size,)."""
    out = np.zeros(size, np.uint8)
    for at, source, length in zip(copies.at.tolist(), copies.source.tolist(), copies.length.tolist(), strict=True):
        out[at : at + length] = old[source : source + length]
    return out


def write(image: U8, layout: Layout, found: References) -> None:
    """Have references say their targets in `image`, which `layout` describes; what cannot say its target is left as it is."""
    place, form = found.place, found.form
    starts, scales = bases(layout)
    address = layout.addresses(place)
    for kind in range(len(fields.WIDTH)):
        some = (form == kind) & (address >= 0) & (place + fields.WIDTH[kind] <= image.size)
        if kind in (fields.WORD, fields.OFFSET):
            some = (form == kind) & (place + fields.WIDTH[kind] <= image.size)
        at, goal = place[some], found.target[some]
        if not at.size:
            continue
        if kind == fields.REL32:
            _put(image, at, goal - address[some] - 4, 4)
        elif kind == fields.WORD:
            _put(image, at, goal, 8)
        elif kind == fields.OFFSET:
            number = found.base[some].astype(np.int64)
            _put(image, at, (goal - starts[number]) // scales[number], 4)
        elif kind == fields.BRANCH:
            _branch(image, at, goal - address[some])
        else:
            _pair(image, at, goal, address[some])


def _put(image: U8, at: I64, value: I64, width: int) -> None:
    for index in range(width):
        image[at + index] = (value >> (8 * index) & 0xFF).astype(np.uint8)


def _get(image: U8, at: I64) -> I64:
    out = np.zeros(at.shape, np.int64)
    for index in range(4):
        out |= image[at + index].astype(np.int64) << (8 * index)
    return out


def _branch(image: U8, at: I64, step: I64) -> None:
    word = _get(image, at)
    _put(image, at, (word & 0xFC000000) | (step >> 2 & 0x3FFFFFF), 4)


def _pair(image: U8, at: I64, goal: I64, address: I64) -> None:
    first, second = _get(image, at), _get(image, at + 4)
    scale = np.maximum(pair_scale(second), 0)
    page = (goal >> 12) - (address >> 12)
    low = (goal & 0xFFF) >> scale
    good = ((low << scale) == (goal & 0xFFF)) & (page >= -(1 << 20)) & (page < 1 << 20)
    first = (first & 0x9F00001F) | (page & 3) << 29 | (page >> 2 & 0x7FFFF) << 5
    second = (second & 0xFFC003FF) | low << 10
    _put(image, at[good], first[good], 4)
    _put(image, at[good] + 4, second[good], 4)


def predict(old: U8, found: References, after: Layout, copies: Copies, moves: Moves) -> U8:
    """The new image as it is guessed, zeros where nothing tells; shape (after.size,). `found`: the old image's references."""
    out = copied(old, copies, after.size)
    index, place = carried(copies, found)
    write(out, after, References(place, found.form[index], found.base[index], moves.of(found.target[index])))
    return out


def covered(copies: Copies, layout: Layout) -> NDArray[np.bool_]:
    """Which bytes of the new image are guessed: those that are copied, and the table of `runtime.findfunc`; shape (layout.size,)."""
    edges = np.zeros(layout.size + 1, np.int32)
    np.add.at(edges, copies.at, 1)
    np.add.at(edges, copies.at + copies.length, -1)
    out = np.cumsum(edges[:-1], dtype=np.int32) > 0
    out[layout.lookup[0] : sum(layout.lookup)] = True
    return out

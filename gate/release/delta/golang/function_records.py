"""References in the records of functions, runtime._func, and in their inlining trees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gate.release.delta.golang.fields import Base, Found, listed, offsets, uint32

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gate.release.delta.golang.layout import Functions, Layout

    I64 = NDArray[np.int64]
    U8 = NDArray[np.uint8]

MOST_TABLES = 64


def function_records(image: U8, layout: Layout, table: Functions, number: int) -> list[Found]:
    """Offsets in all records; bases from `number` on: one for each fixed field, one each for pctab, gofunc and names."""
    entry = table.ftab + 8 * np.arange(table.count, dtype=np.int64)
    record = np.unique(uint32(image, entry + 4))
    record = table.offset + record[record + table.length <= table.size]
    found = []
    for place, base, nullable in table.fixed:
        found.append(offsets(image, record + place, Base(number, base, nullable=nullable)))
        number += 1
    npcdata = np.minimum(uint32(image, record + table.npcdata), MOST_TABLES)
    nfuncdata = image[record + table.nfuncdata].astype(np.int64)
    first = record + table.length
    found.append(offsets(image, _behind(table, first, npcdata), Base(number, table.pctab, nullable=True)))
    data = _behind(table, first + 4 * npcdata, nfuncdata)
    data = data[uint32(image, data) != 0xFFFFFFFF]  # 0 is a table as good as others
    found.append(offsets(image, data, Base(number + 1, table.gofunc)))
    starts = np.unique(found[-1].target)
    trees = (first + 4 * npcdata + 4 * table.inline)[nfuncdata > table.inline]
    found.append(_inlined(image, layout, table, starts, trees, number + 2))
    return found


def _behind(table: Functions, first: I64, count: I64) -> I64:
    """The places of the `count` offsets from `first` on; none where there are more than the table has room for, which is no table."""
    if 4 * int(count.sum()) > table.size:
        return np.empty(0, np.int64)
    place = listed(first, count, 4)
    return place[place + 4 <= table.offset + table.size]


def _inlined(  # noqa: PLR0913, PLR0917 - what a tree is found by
    image: U8, layout: Layout, table: Functions, starts: I64, place: I64, number: int
) -> Found:
    """Names in inlining trees (runtime.inlinedCall, 16 bytes): a tree ends where the next table of the region begins, `starts` has all."""
    offset = uint32(image, place[place + 4 <= table.offset + table.size])
    trees = np.unique(offset[offset != 0xFFFFFFFF]) + table.gofunc
    until = starts[np.minimum(np.searchsorted(starts, trees, side="right"), starts.size - 1)] if starts.size else trees
    count = np.maximum(until - trees, 0) // 16  # none for the last one, whose end nothing tells
    first = layout.offsets(trees)
    count[first < 0] = 0
    if 16 * int(count.sum()) > image.size:
        count = np.zeros_like(count)
    name = listed(first, count, 16) + 4
    return offsets(image, name[(name >= 0) & (name + 4 <= image.size)], Base(number, table.names))

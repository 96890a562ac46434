"""Copies of the function table's rows and records: the function of a name is where it is in both images, whatever else changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gate.release.delta.golang.fields import uint32

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gate.release.delta.golang.layout import Layout

    I64 = NDArray[np.int64]
    U8 = NDArray[np.uint8]


def names(image: U8, layout: Layout) -> list[bytes]:
    """The functions' names, in the order of the table; empty where one cannot be read."""
    table = layout.functions
    assert table is not None  # noqa: S101 - the caller asked
    record = _records(image, layout)
    start = int(layout.offsets(np.array([table.names], np.int64))[0])
    place = next(place for place, base, _ in table.fixed if base == table.names)
    raw = image.tobytes()
    out = []
    for at in (start + uint32(image, record + place)).tolist():
        end = raw.find(b"\0", at, at + (1 << 16)) if start >= 0 else -1
        out.append(raw[at:end] if end > at else b"")
    return out


def table_copies(old: U8, old_layout: Layout, new: U8, new_layout: Layout) -> list[tuple[int, int, int]]:
    """(at, source, length) of rows and records, in order of the new image."""
    before = {name: index for index, name in enumerate(names(old, old_layout)) if name}
    wanted = names(new, new_layout)
    pairs = [(before[name], index) for index, name in enumerate(wanted) if name in before]
    one, other = old_layout.functions, new_layout.functions
    assert one is not None  # noqa: S101 - the caller asked
    assert other is not None  # noqa: S101 - the caller asked
    out = [(other.ftab + 8 * j, one.ftab + 8 * i, 8) for i, j in pairs]
    from_, to = _records(old, old_layout), _records(new, new_layout)
    from_size, to_size = _sizes(old, old_layout, from_), _sizes(new, new_layout, to)
    for i, j in pairs:
        # A record that has more tables than before is copied as far as it goes.
        length = min(int(from_size[i]), int(to_size[j]))
        out.append((int(to[j]), int(from_[i]), length))
    return sorted(out)


def _records(image: U8, layout: Layout) -> I64:
    table = layout.functions
    assert table is not None  # noqa: S101 - the caller asked
    offset = uint32(image, table.ftab + 4 + 8 * np.arange(table.count, dtype=np.int64))
    return table.offset + np.minimum(offset, max(0, table.size - table.length))


def _sizes(image: U8, layout: Layout, record: I64) -> I64:
    table = layout.functions
    assert table is not None  # noqa: S101 - the caller asked
    count = np.minimum(uint32(image, record + table.npcdata), 64) + image[record + table.nfuncdata]
    return np.minimum(table.length + 4 * count, table.offset + table.size - record)

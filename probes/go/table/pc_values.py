"""The pc-value encoding of pctab: runs of (value, pc) deltas as varints (runtime.step, runtime.readvarint)."""

from __future__ import annotations

from probes.errors import MalformedTable

MAX_RUNS = 1 << 20
"""Runs in one table. The largest function known has some ten thousand."""


def runs(  # noqa: C901, PLR0913 - one loop, as in runtime.step
    pctab: memoryview, offset: int, size: int, quantum: int, *, path: str = "", until: int | None = None
) -> list[tuple[int, int]]:
    """Decode the table at `offset` for a function of `size` bytes, or no further than the run that holds byte `until` of it.

    Returns:
        (end, value) pairs: the value holds from the end of the run before it up to `end`, in bytes from the entry.
        Empty when `offset` is 0, which stands for "no table".

    Raises:
        MalformedTable: the table leaves pctab, does not move forward, or does not end.
    """
    if offset == 0:
        return []
    if offset < 0 or offset >= len(pctab):
        raise MalformedTable(f"pc-value table {offset:#x} lies outside of pctab", subject=path)
    out: list[tuple[int, int]] = []
    position, pc, value = offset, 0, -1
    try:
        while True:
            byte = pctab[position]
            if byte == 0 and out:
                return out
            if byte < 0x80:
                position += 1
            else:
                byte, position = _varint(pctab, position)
            value += -(byte >> 1) - 1 if byte & 1 else byte >> 1
            step = pctab[position]
            if step < 0x80:
                position += 1
            else:
                step, position = _varint(pctab, position)
            if step == 0 and len(out) > size:
                raise MalformedTable(f"pc-value table {offset:#x} does not move forward", subject=path)
            pc += step * quantum
            out.append((pc, value))
            if pc > size or len(out) > MAX_RUNS:
                raise MalformedTable(f"pc-value table {offset:#x} runs past the end of its function", subject=path)
            if until is not None and pc > until:
                return out
    except IndexError as exc:
        raise MalformedTable(f"pc-value table {offset:#x} does not end", subject=path) from exc


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFF, position
        shift += 7
        if shift > 35:
            raise IndexError


def value_at(table: list[tuple[int, int]], offset: int, default: int = -1) -> int:
    """The value that holds `offset` bytes after the entry."""
    for end, value in table:
        if offset < end:
            return value
    return default

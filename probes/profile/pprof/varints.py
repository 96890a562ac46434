"""Protobuf's varints, many at a time.

Source of the format: protobuf.dev/programming-guides/encoding. A profile of 200,000 samples holds five million numbers;
asked for one by one through Python objects they take most of a second, and milliseconds as an array.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U64 = npt.NDArray[np.uint64]

MAX_FIELDS = 8192
"""Of one message: a stack may be written one frame a field."""
MAX_NUMBERS = 1 << 25
"""Of one kind in all messages; 200,000 samples of 64 frames have 13 million."""
_MAX_VARINT = 10
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Malformed(ValueError):
    """The bytes are not what they should be; the text says how."""


def varints(data: U8) -> U64:
    """The numbers in `data`, one after the other.

    Raises:
        Malformed: the last is cut off, or one is longer than ten bytes.
    """
    if not data.size:
        return np.zeros(0, dtype=np.uint64)
    ends = np.flatnonzero(data < 0x80)
    if not ends.size or int(ends[-1]) != data.size - 1:
        raise Malformed("a number is cut off")
    if ends.size == data.size:
        return data.astype(np.uint64)  # a byte each: what follows would take five times the memory for nothing
    starts = np.empty_like(ends)
    starts[0] = 0
    starts[1:] = ends[:-1] + 1
    lengths = ends - starts + 1
    longest = int(lengths.max())
    if longest > _MAX_VARINT:
        raise Malformed("a number is longer than ten bytes")
    out = (data[starts] & 0x7F).astype(np.uint64)
    for place in range(1, longest):
        rows = np.flatnonzero(lengths > place)
        out[rows] |= (data[starts[rows] + place] & np.uint8(0x7F)).astype(np.uint64) << np.uint64(7 * place)
    return out


def _varint_at(data: U8, at: I64, stop: I64) -> tuple[U64, I64]:
    """The numbers that begin at `at`, and where each ends; none may reach `stop`."""
    value = np.zeros(at.size, dtype=np.uint64)
    position = at.copy()
    rows = np.arange(at.size)
    for place in range(_MAX_VARINT):
        if bool((position[rows] >= stop[rows]).any()):
            raise Malformed("a number is cut off")
        byte = data[position[rows]]
        value[rows] |= (byte & np.uint8(0x7F)).astype(np.uint64) << np.uint64(7 * place)
        position[rows] += 1
        rows = rows[byte >= 0x80]
        if not rows.size:
            return value, position
    raise Malformed("a number is longer than ten bytes")


def repeated_fields(messages: list[bytes], wanted: tuple[int, ...]) -> list[tuple[I64, U64]]:
    """The repeated integers of `messages`: for each field number in `wanted`, (offsets of shape (n + 1,), values).

    Packed or not, as protobuf allows; all other fields are passed over.

    Raises:
        Malformed: a message is not protobuf, has more than `MAX_FIELDS` fields, or they have more than `MAX_NUMBERS` numbers.
    """
    data = np.frombuffer(b"".join(messages), dtype=np.uint8)
    stop = np.cumsum(np.fromiter(map(len, messages), dtype=np.int64, count=len(messages)))
    at = np.concatenate(([0], stop[:-1])) if len(messages) else np.zeros(0, dtype=np.int64)
    owner = np.arange(len(messages), dtype=np.int64)
    found: dict[int, list[tuple[I64, I64, I64]]] = {number: [] for number in wanted}
    for _ in range(MAX_FIELDS):
        alive = at < stop
        at, stop, owner = at[alive], stop[alive], owner[alive]
        if not at.size:
            return [_collect(data, found[number], len(messages)) for number in wanted]
        tag, body = _varint_at(data, at, stop)
        kind, number = (tag & np.uint64(7)).astype(np.int64), tag >> np.uint64(3)
        first, after = _extent(data, kind, body, stop)
        for field in wanted:
            mine = number == field
            if bool((mine & (kind != _BYTES) & (kind != _VARINT)).any()):
                raise Malformed("a field has the wrong wire type")
            mine &= after > first
            if bool(mine.any()):
                found[field].append((owner[mine], first[mine], after[mine]))
        at = after
    raise Malformed(f"a message of more than {MAX_FIELDS:,} fields")


def _extent(data: U8, kind: I64, body: I64, stop: I64) -> tuple[I64, I64]:
    """Where the contents of each field begin and end."""
    first, after = body.copy(), body.copy()
    for wire, size in ((_FIXED64, 8), (_FIXED32, 4)):
        after[kind == wire] += size
    rows = np.flatnonzero(kind == _VARINT)
    after[rows] = _varint_at(data, body[rows], stop[rows])[1]
    rows = np.flatnonzero(kind == _BYTES)
    length, begin = _varint_at(data, body[rows], stop[rows])
    if bool((length > (stop[rows] - begin).astype(np.uint64)).any()):
        raise Malformed("a field is cut off")
    first[rows] = begin
    after[rows] = begin + length.astype(np.int64)
    if bool((~np.isin(kind, (_VARINT, _FIXED64, _BYTES, _FIXED32))).any()) or bool((after > stop).any()):
        raise Malformed("a field is cut off, or of no known kind")
    return first, after


def _collect(data: U8, parts: list[tuple[I64, I64, I64]], count: int) -> tuple[I64, U64]:
    """The numbers in all extents, in the order in which the file has them, and where each message's begin."""
    offsets = np.zeros(count + 1, dtype=np.int64)
    if not parts:
        return offsets, np.zeros(0, dtype=np.uint64)
    owner, first, after = (np.concatenate(column) for column in zip(*parts, strict=True))
    if bool((data[after - 1] >= 0x80).any()):
        raise Malformed("a number is cut off")
    mark = np.zeros(data.size + 1, dtype=np.int8)
    mark[first] += 1
    mark[after] -= 1
    inside = np.cumsum(mark[:-1], dtype=np.int8).view(np.bool_)
    ended = np.zeros(data.size + 1, dtype=np.int32)
    np.cumsum(inside & (data < 0x80), out=ended[1:], dtype=np.int32)
    if int(ended[-1]) > MAX_NUMBERS:
        raise Malformed(f"its samples have {int(ended[-1]):,} numbers")
    per_extent = ended[after] - ended[first]
    np.cumsum(np.bincount(owner, weights=per_extent, minlength=count).astype(np.int64), out=offsets[1:])
    return offsets, varints(data[inside])

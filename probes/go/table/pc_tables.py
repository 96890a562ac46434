"""Whether the pc-value tables of all functions decode, all at once (HG108).

The linker writes each distinct table once, one after the other (cmd/link/internal/ld/pcln.go, generatePctab), so the
offsets that functions name cut pctab into its tables. Each table is (value delta zigzag, pc delta) varints and a zero.
That is checked in one sweep over pctab; whatever does not look like it is decoded again one table at a time, and only
that scalar decoding, the runtime's own, can accuse: an unusual table costs time and no false alarm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from probes.errors import MalformedTable
from probes.go.fault import Fault
from probes.go.table.inlining import inline_tree

if TYPE_CHECKING:
    from probes.elf.image import I64
    from probes.go.table.functions import FuncTable

U32 = npt.NDArray[np.uint32]
U8 = npt.NDArray[np.uint8]

CHUNK = 1 << 18
"""Bytes of pctab that are decoded at a time: what a core's cache holds, with the columns made from it."""

MAX_SWEPT = 1 << 20
"""Bytes of pctab that are decoded. Sweeping over all of dockerd's (5.3 MB, 190,000 tables) took 107 ms where reading the
rest of the file took 149; with this bound the check takes 45 ms. Services of up to some 12 MB are below the bound and
swept whole. What breaks tables, a tool that rewrites code, breaks them everywhere; and that each table ends where the
next one begins is checked of all."""

MAX_SUSPECTS = 500
"""Functions that are decoded one by one. A damaged table is recognised by its first few."""

MAX_SUSPECT_CODE = np.uint64(1 << 20)
"""Bytes of code of those functions, all together: no table has more runs than its function has bytes."""

LEAST_DEPTH = -64
"""Bytes. A function may pop its own return address for a while: syscall.rawVforkSyscall is at -8."""


class Tables(Struct, frozen=True):
    """All tables of one pctab, in their order; columns have shape (n,).

    `start`: offset in pctab. `sound`: whether the table has the shape that the linker writes; where it has not, the
    other columns mean nothing. `span`: the sum of its pc deltas, in units of the quantum. `low`, `high`: the least and
    the greatest value.
    """

    start: I64
    sound: npt.NDArray[np.bool_]
    span: I64
    low: I64
    high: I64

    def find(self, offsets: I64) -> I64:
        """Row of the table at each of `offsets`, which are those that the tables were cut at; 0 for offset 0."""
        return np.where(offsets > 0, np.searchsorted(self.start, offsets), 0)


def decode_tables(pctab: U8, offsets: list[I64], limit: int = 1 << 62) -> Tables:
    """Decode the tables of `pctab`.

    Args:
        pctab: shape (m,).
        offsets: where the tables begin, in any order and more than once; 0 stands for "no table".
        limit: bytes to decode. Of a larger pctab every second, every third ... chunk is decoded; of the tables
            between them `sound` says that they end where they should, and the other columns are 0.
    """
    marks = np.zeros(pctab.size, dtype=np.bool_)
    for column in offsets:
        marks[column] = True
    marks[0] = False
    start = np.flatnonzero(marks)
    del marks
    count = start.size
    stop = np.maximum(np.append(start[1:], _used(pctab)), start + 1)
    ends = (stop > start + 1) & (pctab[stop - 1] == 0) & (pctab[stop - 2] < 0x80)
    out = Tables(
        start=start,
        sound=ends,
        span=np.zeros(count, dtype=np.int64),
        low=np.zeros(count, dtype=np.int64),
        high=np.zeros(count, dtype=np.int64),
    )
    row = passed = 0
    every = -(-pctab.size // limit)
    while row < count:
        until = max(int(np.searchsorted(start, start[row] + CHUNK)), row + 1)
        if passed % every == 0:
            _decode(pctab, stop, out, row, until)
        row, passed = until, passed + 1
    return out


def _used(pctab: U8) -> int:
    """The end of the last table: after its terminator, padding of zeros follows."""
    tail = np.flatnonzero(pctab[-64:])
    return pctab.size if not tail.size else min(pctab.size - min(64, pctab.size) + int(tail[-1]) + 2, pctab.size)


def _decode(pctab: U8, stop: I64, out: Tables, row: int, until: int) -> None:
    """Decode the tables `row` to `until` into `out`; a table of another shape is masked out and stays unsound."""
    out.sound[row:until] = False
    base = int(out.start[row])
    data = pctab[base : int(stop[until - 1])]
    begin, last = out.start[row:until] - base, stop[row:until] - base - 1
    final = data < 0x80
    sound = (data[last] == 0) & (last > begin) & final[last - 1]
    final[last] = False  # the terminators are no numbers
    if not bool(sound.all()):
        data, final = _masked(data, final, sound, last + 1 - begin)
    place = np.flatnonzero(~final)
    # What is left out before a table's end are all the terminators and continued bytes up to there.
    first = np.append(0, last + 1 - np.searchsorted(place, last, side="right"))
    sizes = np.diff(first)
    if bool((sizes & 1).any()):
        sound &= sizes & 1 == 0
        data, final = _masked(data, final, sound, last + 1 - begin)
        place = np.flatnonzero(~final)
        sizes *= sound
        first = np.append(0, np.cumsum(sizes))
    sound &= sizes > 0
    if not bool(sound.any()):
        return
    number, endless = _varints(data, final, place)
    rows, at = np.flatnonzero(sound) + row, first[:-1][sound] // 2
    value, step = number[0::2], number[1::2]
    delta = (value >> np.uint32(1)).view(np.int32) ^ -(value & np.uint32(1)).view(np.int32)
    total = np.cumsum(delta, dtype=np.int64)  # runtime.call1073741824 alone takes half of 32 bits
    before = np.ones(at.size, dtype=np.int64)  # values start at -1
    before[1:] += total[at[1:] - 1]
    if int(step.max()) < (1 << 32) // step.size:
        out.span[rows] = np.add.reduceat(step, at)
    else:
        out.span[rows] = np.add.reduceat(step, at, dtype=np.int64)
    out.low[rows] = np.minimum.reduceat(total, at) - before
    out.high[rows] = np.maximum.reduceat(total, at) - before
    out.sound[rows] = True
    # A value delta of zero ends a table unless it is the first one: these end earlier than they should.
    early = np.setdiff1d(np.flatnonzero(value == 0), at, assume_unique=True)
    wrong = np.concatenate((early, endless // 2))
    out.sound[rows[np.searchsorted(at, wrong, side="right") - 1]] = False


def _masked(
    data: U8, final: npt.NDArray[np.bool_], sound: npt.NDArray[np.bool_], sizes: I64
) -> tuple[U8, npt.NDArray[np.bool_]]:
    inside = np.repeat(sound, sizes)
    return data * inside, final & inside


def _varints(data: U8, final: npt.NDArray[np.bool_], place: I64) -> tuple[U32, I64]:
    """Decode varints, low bits first.

    Args:
        data: bytes, shape (m,).
        final: which of them end a varint.
        place: where the others are. Those with the high bit go on in the next byte; the rest is skipped.

    Returns:
        the numbers modulo 2**32, and which of them have more than five bytes.
    """
    number = data[final].astype(np.uint32)
    more = np.flatnonzero(data[place] >= 0x80)
    place, index = place[more], place[more] - more  # `index`: of the number that each byte belongs to
    if not place.size:
        return number, index
    head = np.flatnonzero(np.diff(index, prepend=-1))
    length = np.diff(head, append=index.size)
    owner = index[head]
    whole = number[owner] << np.minimum(7 * length, 31).astype(np.uint32)
    for rank in range(4):
        longer = length > rank if rank else slice(None)
        byte = data[place[head[longer] + rank]].astype(np.uint32) & np.uint32(0x7F)
        whole[longer] |= byte << np.uint32(7 * rank)
        if rank + 1 >= int(length.max()):
            break
    number[owner] = whole
    return number, owner[length > 4]


def decode_faults(table: FuncTable) -> list[Fault]:
    """What is wrong with the line, file and stack tables of all functions of `table`."""
    suspects = suspicious(table)[:MAX_SUSPECTS]
    sizes = (table.end - table.entry)[suspects]
    suspects = suspects[np.cumsum(sizes) - sizes < MAX_SUSPECT_CODE]
    found = (decode_function(table, int(index)) for index in suspects)
    return [fault for fault in found if fault is not None]


def suspicious(table: FuncTable) -> I64:
    """Functions whose tables do not look as the linker writes them, by row; every faulty one is among them."""
    pctab = np.frombuffer(table.pctab, dtype=np.uint8)
    columns = [table.pcsp, table.pcfile, table.pcln, table.pcdata_offsets()]
    inside = [column[(column >= 0) & (column < pctab.size)] for column in columns]
    tables = decode_tables(pctab, inside, MAX_SWEPT)
    if not tables.start.size:
        return np.zeros(0, dtype=np.int64)
    sizes = (table.end - table.entry).astype(np.int64) // table.quantum
    odd = np.zeros(len(table), dtype=np.bool_)
    for column, extra in ((table.pcsp, 0), (table.pcfile, 1), (table.pcln, 2)):
        here = (column > 0) & (column < pctab.size)
        at = tables.find(np.where(here, column, 0))
        bad = ~tables.sound[at] | (tables.span[at] > sizes) | (tables.low[at] < (LEAST_DEPTH if extra == 0 else 0))
        if extra == 0:
            bad |= (tables.low[at] | tables.high[at]) & 7 != 0
        elif extra == 1:
            bad |= tables.high[at] >= _unit_sizes(table)
        odd |= bad & here
    return np.flatnonzero(odd)


def _unit_sizes(table: FuncTable) -> I64:
    """Files in the compilation unit of each function: units lie one after the other in cutab."""
    begin = np.sort(table.cuoffset)
    begin = begin[np.append(True, begin[1:] != begin[:-1])]  # numpy.unique would import numpy.ma
    end = np.append(begin[1:], table.module.cutab.len)
    end = np.minimum(end, table.module.cutab.len)
    sizes: I64 = end - begin
    return sizes[np.searchsorted(begin, table.cuoffset)]


def decode_function(table: FuncTable, index: int) -> Fault | None:
    """Decode the stack, file, line and inline tables of one function; the first thing that is wrong, or None."""
    kind = "stack-table"
    try:
        for kind, column in (("stack-table", table.pcsp), ("file-table", table.pcfile), ("line-table", table.pcln)):
            for _, value in table.runs(index, int(column[index])):
                _check_value(table, index, kind, value)
        kind = "inline-table"
        inline_tree(table, index)
    except MalformedTable as exc:
        return Fault(kind, table.names[index], exc.what)
    return None


def _check_value(table: FuncTable, index: int, kind: str, value: int) -> None:
    if kind == "file-table":
        table.file_name(index, value)
    elif kind == "line-table" and value < 0:
        raise MalformedTable(f"a line of {value}")
    elif kind == "stack-table" and (value < LEAST_DEPTH or value % 8):
        raise MalformedTable(f"a stack depth of {value} bytes")

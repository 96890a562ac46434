from __future__ import annotations

import struct

import numpy as np
import pytest

from probes.errors import MalformedTable
from probes.go import load
from probes.go.table import pc_tables
from probes.go.table.pc_tables import decode_function, decode_tables, suspicious
from probes.go.table.pc_values import runs
from tests import matrix
from tests.made_elf import damaged, facts, place


def swept(raw: bytes, *offsets: int, limit: int = 1 << 62):
    return decode_tables(np.frombuffer(raw, dtype=np.uint8), [np.array(offsets, dtype=np.int64)], limit)


def all_offsets(table) -> list:
    return [table.pcsp, table.pcfile, table.pcln, table.pcdata_offsets()]


@pytest.mark.parametrize("entry", matrix.quick(matrix.entries()), ids=str)
def test_the_sweep_agrees_with_the_scalar_decoding(entry) -> None:
    """Every table of every function: its length in pcs, its least and its greatest value."""
    table = facts(entry.name).functions
    pctab = np.frombuffer(table.pctab, dtype=np.uint8)
    tables = decode_tables(pctab, all_offsets(table))
    assert tables.start.size > 2000
    assert bool(tables.sound.all())
    for start, span, low, high in zip(
        tables.start.tolist(), tables.span.tolist(), tables.low.tolist(), tables.high.tolist(), strict=True
    ):
        decoded = runs(table.pctab, start, 1 << 40, 1)
        values = [value for _, value in decoded]
        assert (span, low, high) == (decoded[-1][0], min(values), max(values)), hex(start)


@pytest.mark.parametrize("chunk", [1, 100, 5000, 1 << 30])
def test_chunks_make_no_difference(monkeypatch, chunk: int) -> None:
    table = facts("go1.27-amd64-exe").functions
    pctab = np.frombuffer(table.pctab, dtype=np.uint8)
    whole = decode_tables(pctab, all_offsets(table))
    monkeypatch.setattr(pc_tables, "CHUNK", chunk)
    again = decode_tables(pctab, all_offsets(table))
    for column in ("start", "sound", "span", "low", "high"):
        assert getattr(whole, column).tolist() == getattr(again, column).tolist()


def test_pcdata_offsets_are_those_of_the_records(entry) -> None:
    table = facts(entry.name).functions
    wanted = [table.pcdata(i, k) for i in range(len(table)) for k in range(int(table.npcdata[i]))]
    assert table.pcdata_offsets().tolist() == wanted


def test_tables_made_by_hand() -> None:
    raw = b"\0" + b"\x02\x04\x10\x02\x0f\x01\0" + b"\x00\x03\0" + b"\x80\x02\xac\x02\0" + b"\0\0"
    tables = swept(raw, 1, 8, 11)
    assert tables.start.tolist() == [1, 8, 11]
    assert tables.sound.tolist() == [True, True, True]
    assert tables.span.tolist() == [7, 3, 300]
    assert tables.low.tolist() == [0, -1, 127]
    assert tables.high.tolist() == [8, -1, 127]
    assert tables.find(np.array([0, 11, 8, 1])).tolist() == [0, 2, 1, 0]


@pytest.mark.parametrize(
    "middle",
    [
        b"\x02\x04\x10\x02\x0f\x01",  # no terminator
        b"\x02\x04\x10\0",  # half a pair
        b"\x02\x04\0\x02\x02\0",  # ends before its end
        b"\0",  # nothing but a terminator
        b"\x02\x80\0",  # the terminator belongs to a number
        b"\xff\xff\xff\xff\xff\xff\x7f\x02\0",  # seven bytes of a number
        b"\xff\xff\xff",
    ],
)
def test_a_broken_table_is_told_and_does_not_touch_its_neighbours(middle: bytes) -> None:
    good = b"\x02\x04\x10\x02\x0f\x01\0"
    raw = b"\0" + good + middle + good + good
    second = 1 + len(good)
    third = second + len(middle)
    tables = swept(raw, 1, second, third, third + len(good))
    assert tables.sound.tolist() == [True, False, True, True]
    for column, value in ((tables.span, 7), (tables.low, 0), (tables.high, 8)):
        assert column[tables.sound].tolist() == [value] * 3


@pytest.mark.parametrize("raw", [b"\0", b"\0\0\0", b"\0\x80", b"\0" + b"\xff" * 300])
def test_degenerate_tables(raw: bytes) -> None:
    assert not swept(raw, *range(1, len(raw))).sound.any()
    assert swept(raw).start.size == 0


def test_random_bytes_agree_with_the_scalar_decoding() -> None:
    """A table that the sweep calls sound decodes to the same; any other is for the scalar decoding to judge."""
    rng = np.random.default_rng(3)
    seen = 0
    for _ in range(300):
        raw = rng.choice([0, 0, 1, 2, 3, 0x80, 0x81, 0xFF, 0x7F], 60).astype(np.uint8)
        starts = np.unique(rng.integers(1, 60, 8))
        tables = decode_tables(raw, [starts])
        for row in np.flatnonzero(tables.sound).tolist():
            decoded = runs(memoryview(raw.tobytes()), int(tables.start[row]), 1 << 60, 1)
            values = [value for _, value in decoded]
            assert (int(tables.low[row]), int(tables.high[row])) == (min(values), max(values))
            assert int(tables.span[row]) == decoded[-1][0]
            seen += 1
    assert seen > 50


def test_of_a_large_table_every_second_chunk_is_decoded(monkeypatch) -> None:
    monkeypatch.setattr(pc_tables, "CHUNK", 64)
    raw = b"\0" + b"\x02\x04\x10\x02\x0f\x01\0" * 100
    starts = range(1, len(raw), 7)
    part = swept(raw, *starts, limit=len(raw) // 2 + 1)
    assert bool(part.sound.all())
    assert 0.4 < (part.span == 7).mean() < 0.6
    assert set(part.span.tolist()) == {0, 7}
    cut = swept(raw[:-1] + b"\x01", *starts, limit=len(raw) // 2 + 1)
    assert cut.sound.tolist() == [True] * 99 + [False]


def test_no_healthy_function_is_suspicious(entry) -> None:
    table = facts(entry.name).functions
    assert suspicious(table).tolist() == []
    step = max(len(table) // 200, 1)
    assert [decode_function(table, i) for i in range(0, len(table), step) if decode_function(table, i)] == []


@pytest.mark.parametrize(
    ("field", "raw", "kind", "words"),
    [
        ("pcln", b"\x00\x40\x02\x02\x00", "line-table", ""),
        ("pcln", b"\xff\xff\xff\xff\xff", "line-table", ""),
        ("pcsp", b"\x05\x05\x00\x00\x00", "stack-table", "depth"),
        ("pcfile", b"\xfe\x7f\x01\x00\x00", "file-table", "file number"),
    ],
)
def test_damaged_tables_are_faults(tmp_path, field: str, raw: bytes, kind: str, words: str) -> None:
    name = "go1.27-amd64-exe"
    found = facts(name)
    table = found.functions
    row = table.names.index("runtime.gopanic")
    at = place(name, found.module.pctab.ptr) + int(getattr(table, field)[row])
    faults = load(str(damaged(tmp_path, name, (at, raw)))).health.decode_faults
    assert (kind, "runtime.gopanic") in {(fault.kind, fault.subject) for fault in faults}
    assert [f for f in faults if words in f.detail]


def test_a_table_of_another_function_does_not_fit(tmp_path) -> None:
    """What a tool does that moves code and leaves the tables: lines of a long function for a short one."""
    name = "go1.27-amd64-exe"
    found = facts(name)
    table = found.functions
    sizes = (table.end - table.entry).astype(np.int64)
    short, long = int(np.argmin(np.where(sizes > 0, sizes, 1 << 40))), int(np.argmax(sizes))
    offset = found.module.layout.table.func.fields["pcln"][1]
    at = place(name, found.module.pclntable.ptr) + int(table.funcoff[short]) + offset
    faults = load(str(damaged(tmp_path, name, (at, struct.pack("<I", int(table.pcln[long])))))).health.decode_faults
    assert [(f.kind, f.subject) for f in faults] == [("line-table", table.names[short])]
    assert "past the end of its function" in faults[0].detail


def test_the_scalar_decoding_has_the_last_word(monkeypatch) -> None:
    table = facts("go1.27-amd64-exe").functions
    monkeypatch.setattr(pc_tables, "suspicious", lambda _: np.arange(20))
    assert pc_tables.decode_faults(table) == []

    def wrong(*_):
        raise MalformedTable("it does not decode")

    monkeypatch.setattr(type(table), "runs", wrong)
    assert len(pc_tables.decode_faults(table)) == 20

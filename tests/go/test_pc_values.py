from __future__ import annotations

import pytest

from probes.errors import MalformedTable
from probes.go.table.pc_values import runs, value_at


def decode(raw: bytes, offset: int = 1, size: int = 1000, quantum: int = 1) -> list[tuple[int, int]]:
    return runs(memoryview(raw), offset, size, quantum)


def test_values_start_at_minus_one() -> None:
    # +1 -> 0 for 4 bytes, +8 for 2, -8 for 1: zigzag 2, 16, 15
    assert decode(b"\0\x02\x04\x10\x02\x0f\x01\0") == [(4, 0), (6, 8), (7, 0)]


def test_the_first_delta_may_be_zero() -> None:
    assert decode(b"\0\x00\x04\x02\x02\0") == [(4, -1), (6, 0)]


def test_offset_zero_is_no_table() -> None:
    assert decode(b"\0\x02\x04\0", offset=0) == []


def test_varints_of_several_bytes() -> None:
    assert decode(b"\0\x80\x02\xac\x02\0") == [(300, 127)]
    assert decode(b"\0\xff\xff\xff\xff\x0f\x01\0") == [(1, -0x80000001)]


def test_the_quantum_scales_pcs() -> None:
    assert decode(b"\0\x02\x04\0", quantum=4) == [(16, 0)]


@pytest.mark.parametrize(
    ("raw", "offset", "words"),
    [
        (b"\0\x02\x04", 1, "does not end"),
        (b"\0\x02", 1, "does not end"),
        (b"\0\x80\x80\x80", 1, "does not end"),
        (b"\0\x80\x80\x80\x80\x80\x80\x80\x01\x01\0", 1, "does not end"),
        (b"\0\x02\x04\0", 4, "outside of pctab"),
        (b"\0\x02\x04\0", -1, "outside of pctab"),
        (b"\0\x02\xff\x7f\0", 1, "runs past the end"),
        (b"\0" + b"\x02\x00" * 5000 + b"\0", 1, "does not move forward"),
    ],
)
def test_broken_tables(raw: bytes, offset: int, words: str) -> None:
    with pytest.raises(MalformedTable, match=words):
        decode(raw, offset=offset)


def test_a_table_may_fill_its_function_and_no_more() -> None:
    assert decode(b"\0\x02\x04\0", size=4) == [(4, 0)]
    with pytest.raises(MalformedTable, match="runs past the end"):
        decode(b"\0\x02\x04\0", size=3)


def test_value_at() -> None:
    table = [(4, 7), (9, 3)]
    assert [value_at(table, at) for at in (0, 3, 4, 8, 9)] == [7, 7, 3, 3, -1]
    assert value_at([], 0, default=5) == 5

from __future__ import annotations

import struct

import numpy as np
import pytest

from probes.go import load
from probes.go.health import compare_symbols
from tests import matrix
from tests.made_elf import damaged, facts, place

NAMES = ["go1.27-amd64-exe", "go1.25-amd64-pie-cgo", "go1.21-arm64-exe", "go1.19-amd64-pie"]


def kinds(faults) -> list[str]:
    return list(dict.fromkeys(fault.kind for fault in faults))


def test_a_healthy_binary_raises_no_alarm(entry) -> None:
    health = facts(entry.name).health
    assert health.unverifiable is None
    assert not health.obfuscated
    assert health.start_faults == health.decode_faults == health.symbol_faults == ()
    assert health.symbols_compared > 1000 or entry.stripped


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("at", "raw", "kind"),
    [
        (0, b"\xf2", "magic"),
        (4, b"\x01", "pad"),
        (5, b"\x01", "pad"),
        (6, b"\x02", "quantum"),
        (7, b"\x04", "pointer-size"),
    ],
)
def test_each_check_of_the_header(tmp_path, name: str, at: int, raw: bytes, kind: str) -> None:
    header = place(name, facts(name).module.header)
    other = load(str(damaged(tmp_path, name, (header + at, raw))))
    assert kinds(other.health.start_faults) == [kind]
    assert other.health.unverifiable is None


def test_the_text_start_counts_up_to_1_25(tmp_path) -> None:
    for name, kind in (("go1.25-amd64-exe", ["text-base"]), ("go1.27-amd64-exe", [])):
        header = place(name, facts(name).module.header)
        other = load(str(damaged(tmp_path, name, (header + 24, struct.pack("<Q", 0x1234)))))
        assert kinds(other.health.start_faults) == kind


@pytest.mark.parametrize("name", NAMES)
def test_entries_out_of_order(tmp_path, name: str) -> None:
    module = facts(name).module
    at = place(name, module.ftab.ptr)
    step, width = module.layout.table.ftab.itemsize, module.layout.table.ftab.itemsize // 2
    table = matrix.unpack(name).read_bytes()[at : at + step * module.ftab.len]
    two = [table[i * step : i * step + width] for i in (10, 11)]
    other = load(str(damaged(tmp_path, name, (at + 10 * step, two[1]), (at + 11 * step, two[0]))))
    assert "order" in kinds(other.health.start_faults)
    assert "out of order" in other.health.unverifiable
    assert other.functions is None


@pytest.mark.parametrize("field", [160, 168])
def test_the_range_of_pcs(tmp_path, field: int) -> None:
    name = "go1.27-amd64-exe"
    module = facts(name).module
    at = place(name, module.address) + field
    word = module.minpc + 16 if field == 160 else module.maxpc - 16
    other = load(str(damaged(tmp_path, name, (at, struct.pack("<Q", word)))))
    assert kinds(other.health.start_faults) == ["pc-range"]


@pytest.mark.parametrize("random_magic", [False, True])
def test_an_obfuscated_table_is_not_verified(tmp_path, random_magic: bool) -> None:
    """As garble does: _func.entryOff is encrypted, ftab stays clear."""
    name = "go1.25-amd64-exe"
    found = facts(name)
    base = place(name, found.module.pclntable.ptr)
    entries = found.functions.own_entry - np.uint64(found.module.text)
    writes = [
        (base + int(off), struct.pack("<I", int(entry) ^ 0x5A5A5A5A))
        for off, entry in zip(found.functions.funcoff, entries, strict=True)
    ]
    if random_magic:
        writes.append((place(name, found.module.header), b"\xde\xad\xbe\xef"))
    health = load(str(damaged(tmp_path, name, *writes))).health
    assert health.obfuscated
    assert "obfuscated, as by garble" in health.unverifiable
    assert health.start_faults == ()  # its runtime asks for the magic that it has
    assert health.symbol_faults == health.decode_faults == ()


def test_one_record_that_contradicts_the_index(tmp_path) -> None:
    name = "go1.25-amd64-exe"
    found = facts(name)
    at = place(name, found.module.pclntable.ptr) + int(found.functions.funcoff[9])
    health = load(str(damaged(tmp_path, name, (at, b"\x01\x02\x03\x04")))).health
    assert not health.obfuscated
    assert [(f.kind, f.subject) for f in health.decode_faults] == [("entry", found.functions.names[9])]


@pytest.mark.parametrize(
    ("field", "raw", "kind"),
    [
        ("pcsp", b"\xff\xff\xff\x7f", "stack-table"),
        ("pcfile", b"\xff\xff\xff\x7f", "file-table"),
        ("pcln", b"\xff\xff\xff\xff", "line-table"),
        ("cuoffset", b"\xff\xff\xff\x00", "file-table"),
        ("nameoff", b"\xff\xff\xff\xff", "name"),
    ],
)
def test_columns_that_lead_outside(tmp_path, field: str, raw: bytes, kind: str) -> None:
    name = "go1.27-amd64-exe"
    found = facts(name)
    row = found.functions.names.index("runtime.main")
    offset = found.module.layout.table.func.fields[field][1]
    at = place(name, found.module.pclntable.ptr) + int(found.functions.funcoff[row]) + offset
    faults = load(str(damaged(tmp_path, name, (at, raw)))).health.decode_faults
    assert kinds(faults) == [kind]
    assert len(faults) == 1


def symbol_rows(name: str, *wanted: str) -> list[int]:
    found = facts(name).symtab.find(*wanted)
    return [found[each] for each in wanted]


def symbol_offset(name: str, row: int) -> int:
    return facts(name).image.elf.section(".symtab").offset + 24 * row


@pytest.mark.parametrize("name", NAMES)
def test_two_names_that_changed_places(tmp_path, name: str) -> None:
    one, two = symbol_rows(name, "runtime.main", "runtime.gopanic")
    content = matrix.unpack(name).read_bytes()
    places = [symbol_offset(name, row) for row in (one, two)]
    names = [content[at : at + 4] for at in places]
    health = load(str(damaged(tmp_path, name, (places[0], names[1]), (places[1], names[0])))).health
    assert sorted((f.kind, f.subject) for f in health.symbol_faults) == [
        ("symbol-name", "runtime.gopanic"),
        ("symbol-name", "runtime.main"),
    ]


@pytest.mark.parametrize(("delta", "kind"), [(1, "symbol-address"), (16, "symbol-address")])
def test_a_symbol_that_moved(tmp_path, delta: int, kind: str) -> None:
    name = "go1.27-amd64-exe"
    (row,) = symbol_rows(name, "runtime.gopanic")
    value = int(facts(name).symtab.value[row]) + delta
    health = load(str(damaged(tmp_path, name, (symbol_offset(name, row) + 8, struct.pack("<Q", value))))).health
    assert [(f.kind, f.subject) for f in health.symbol_faults] == [(kind, "runtime.gopanic")]


def test_a_symbol_that_grew(tmp_path) -> None:
    name = "go1.27-amd64-exe"
    (row,) = symbol_rows(name, "runtime.gopanic")
    size = int(facts(name).symtab.size[row]) + 4096
    health = load(str(damaged(tmp_path, name, (symbol_offset(name, row) + 16, struct.pack("<Q", size))))).health
    assert [(f.kind, f.subject) for f in health.symbol_faults] == [("symbol-size", "runtime.gopanic")]


def test_all_symbols_shifted_are_many_faults() -> None:
    found = facts("go1.27-amd64-exe")
    values = found.symtab.value.copy()
    try:
        found.symtab.value = values + np.uint64(0x20)
        faults, compared = compare_symbols(found.functions, found.symtab)
    finally:
        found.symtab.value = values
    assert compared > 1000
    assert len(faults) == 50

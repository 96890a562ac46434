"""The package variables of a file, and symbol tables that somebody made to be misread."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from msgspec.structs import replace

from probes.drift.variables.compare import global_drift
from probes.elf.symbols import SYM, SymbolTable
from probes.errors import MalformedTable
from probes.go import load
from probes.go.module.pointer_masks import read_masks
from probes.go.variables.table import KINDS, largest, read_variables
from tests import matrix
from tests.made_elf import damaged, facts, place

NAME = "go1.27-amd64-exe"


def table(*rows: tuple[bytes, int, int], kind: int = 1) -> SymbolTable:
    """Symbols (name, address, size) of the section that `unicode.FoldLl`'s neighbour `data` is in."""
    blob, raw = b"\0", np.zeros(len(rows), dtype=SYM)
    sections = [s.name for s in facts(NAME).image.elf.sections]
    for at, (name, value, size) in enumerate(rows):
        raw[at] = (len(blob), kind, 0, sections.index(".data"), value, size)
        blob += name + b"\0"
    return SymbolTable(raw, blob)


def read(symtab: SymbolTable):
    return read_variables(facts(NAME).image, symtab, facts(NAME).module)


def data() -> int:
    return facts(NAME).module.data[1][0]


@pytest.mark.parametrize(
    ("name", "package"),
    [
        (b"main.x", "main"),
        (b"gopkg.in/yaml%2ev3.tags", "gopkg.in/yaml.v3"),
        (b"go.uber.org/zap.level", "go.uber.org/zap"),
        (b"example.com/a.b/c.d", "example.com/a.b/c"),
        (b"_cgo_init", "runtime/cgo"),
        (b"main._cgo_0123456789ab_Cfunc_f", "main"),
        (b"counter", "C"),
        (b"main..stmp_3", None),
        (b"main..inittask", None),
        (b"main..dict.Max[example.com/a.T]", None),
        (b"main.f\xc2\xb7f", None),
        (b"type:main.T", None),
        (b"go:string.*", None),
        (b"runtime.firstmoduledata", None),
        (b"main.", None),
        (b"", None),
    ],
)
def test_which_symbols_are_variables(name: bytes, package: str | None) -> None:
    found = read(table((name, data() + 64, 8)))
    assert [(v.name, v.package) for v in found] == ([(name.decode(), package)] if package else [])


def test_what_lies_outside_of_go_s_ranges_is_of_c() -> None:
    found = read(table((b"main.x", 8, 8), (b"buffer.2", 16, 8), (b"main.y", data(), 8)))
    assert [(v.name, v.package, v.kind) for v in found] == [
        ("main.x", "C", "data"),
        ("buffer.2", "C", "data"),
        ("main.y", "main", "data"),
    ]


def test_other_kinds_of_symbols_and_empty_ones_are_left_out() -> None:
    assert len(read(table((b"main.x", data(), 0)))) == 0
    for kind in (0, 2, 3, 6):
        assert len(read(table((b"main.x", data(), 8), kind=kind))) == 0


def test_the_four_sections_and_the_largest() -> None:
    found = read_variables(facts(NAME).image, facts(NAME).symtab, facts(NAME).module)
    kinds = {v.name: v.kind for v in found}
    names = ("runtime.buildVersion", "runtime.allgs", "runtime.zeroVal", "internal/strconv.pow10Tab")
    assert [kinds[name] for name in names] == ["data", "bss", "noptrbss", "noptrdata"]
    assert set(kinds.values()) == set(KINDS)
    sizes = sorted((v.size for v in found), reverse=True)
    assert [found.variable(int(row)).size for row in largest(found, 5)] == sizes[:5]


@pytest.mark.parametrize("entry", matrix.select(stripped=False), ids=str)
def test_pointer_masks_cover_what_the_runtime_declares(entry) -> None:
    binary = facts(entry.name)
    masks = read_masks(binary.image, binary.module)
    declared = {"runtime.allgs": b"\1\0\0", "runtime.uint32Eface": b"\0\1", "unicode.White_Space": b"\1"}
    found = {v.name: v for v in read_variables(binary.image, binary.symtab, binary.module) if v.name in declared}
    assert len(found) == 3
    words = {name: v.address + 8 * np.arange(v.size // 8) for name, v in found.items()}
    assert {name: masks.at(at).tobytes() for name, at in words.items()} == declared


# Hostile files.

HUGE = 2**64 - 1


def test_huge_sizes_and_addresses_are_just_numbers() -> None:
    rows = [(b"main.a", data(), HUGE), (b"main.b", HUGE, HUGE), (b"main.c", data() + 8, 1 << 63)]
    found = read(table(*rows))
    assert {v.name: v.size for v in found} == {"main.a": HUGE, "main.b": HUGE, "main.c": 1 << 63}
    assert [v.size for v in (found.variable(int(row)) for row in largest(found, 2))] == [HUGE, HUGE]


def drift(old: SymbolTable, new: SymbolTable):
    return global_drift(replace(facts(NAME), symtab=old), replace(facts(NAME), symtab=new))


def test_comparing_huge_ones_reads_nothing() -> None:
    rows = [(b"main.a", data(), HUGE), (b"main.b", HUGE, HUGE), (b"main.c", data() + 8, 1 << 19)]
    result = drift(table(*rows), table(*rows))
    assert (result.compared, result.resized) == (3, ())
    (resized,) = drift(table(rows[0]), table((b"main.a", data(), 8))).resized
    assert resized.detail == f"{HUGE:,} → 8 bytes"


def test_names_that_occur_twice_are_paired_by_size() -> None:
    at = data()
    old = table((b"s.1", 8, 4), (b"s.2", 16, 8), (b"s.3", 32, 16))
    assert drift(old, table((b"s.9", 8, 16), (b"s.8", 64, 4), (b"s.7", 128, 8))).compared == 3
    result = drift(old, table((b"s.4", 8, 8), (b"s.5", 16, 4)))
    assert ([v.size for v in result.removed], result.added, result.resized) == ([16], (), ())
    twice = table((b"main.x", at, 8), (b"main.x", at + 8, 8))
    assert drift(twice, twice).compared == 2


def test_many_equal_names_take_no_quadratic_time() -> None:
    rows = [(b"x", 8 + 8 * n, 8 + n % 7) for n in range(30_000)]
    result = drift(table(*rows), table(*rows[::-1]))
    assert (result.compared, result.resized) == (30_000, ())


def test_names_without_end_are_no_names() -> None:
    raw = np.zeros(2, dtype=SYM)
    raw["info"], raw["size"], raw["value"] = 1, 8, data()
    raw["shndx"] = [s.name for s in facts(NAME).image.elf.sections].index(".data")
    raw["name"] = [1, 0xFFFFFFFF]
    assert len(read(SymbolTable(raw, b"\0main.x"))) == 0


def test_names_larger_than_their_table_are_refused_by_name() -> None:
    raw = np.zeros(5000, dtype=SYM)
    raw["info"], raw["size"], raw["value"], raw["name"] = 1, 8, data(), 1
    raw["shndx"] = [s.name for s in facts(NAME).image.elf.sections].index(".data")
    with pytest.raises(MalformedTable, match="far larger"):
        drift(SymbolTable(raw, b"\0" + b"x" * 100_000 + b"\0"), table())


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        (b"\x81" + b"\xff" * 4 + b"\x0f", "repeats more"),
        (b"\x7f" + b"\xff" * 16 + b"\x80" + b"\xff\xff\xff\xff\x0f" * 2, "repeats more"),
        (b"\x01\x01\x81" + b"\xff\xff\xff\xff\x0f", "repeats more"),
        (b"\x7f" * 4000, "longer than the variables"),
    ],
)
def test_a_damaged_mask_is_refused_and_leaves_the_sizes(tmp_path, program: bytes, problem: str) -> None:
    at = facts(NAME).module.gcdata
    broken = load(str(damaged(tmp_path, NAME, (place(NAME, at), program))), examine=False)
    with pytest.raises(MalformedTable, match=problem):
        read_masks(broken.image, broken.module)
    result = global_drift(facts(NAME), broken)
    assert result.compared == result.old == result.new
    assert result.retyped == ()


def test_a_mask_outside_of_the_image_is_refused() -> None:
    for module in (
        replace(facts(NAME).module, gcdata=1 << 40),
        replace(facts(NAME).module, bss=((0, 1 << 50), facts(NAME).module.bss[1])),
    ):
        with pytest.raises(MalformedTable, match=r"outside of the image|too many"):
            read_masks(facts(NAME).image, module)


def test_a_symbol_of_a_section_that_does_not_exist() -> None:
    raw = np.frombuffer(struct.pack("<IBBHQQ", 1, 1, 0, 0xFFF0, data(), 8), dtype=SYM)
    assert len(read(SymbolTable(raw, b"\0main.x\0"))) == 0

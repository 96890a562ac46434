from __future__ import annotations

import re
import struct

import pytest

from probes.errors import NotGo
from probes.go import load
from probes.go.module import layouts as lay
from probes.go.module.moduledata import find_module
from tests import matrix
from tests.made_elf import DATA, damaged, elf_file, facts, place


def without_sections(folder, name: str):
    return damaged(folder, name, (40, bytes(8)), (60, bytes(4)))


def layout_of(minor: int) -> str:
    return next(m.name for m in lay.MODULES if m.first <= minor <= m.last)


def test_every_fixture_has_the_layout_of_its_version(entry) -> None:
    module = facts(entry.name).module
    assert module.layout.name == layout_of(entry.minor)
    assert not module.by_structure
    assert module.magic == module.layout.table.magic
    assert module.minpc == int(facts(entry.name).functions.entry[0])
    assert module.types < module.etypes
    assert (module.inittasks is None) == (entry.minor < 21)


def test_section_headers_are_not_needed(tmp_path, entry) -> None:
    """Without them there are no sections and no symbols: the magic finds the table."""
    bare = load(str(without_sections(tmp_path, entry.name)))
    assert bare.image.elf.sections == ()
    assert bare.symtab is None
    assert bare.module == facts(entry.name).module
    assert bare.functions.names == facts(entry.name).functions.names
    assert bare.native.versions == facts(entry.name).native.versions
    assert bare.native.needed == facts(entry.name).native.needed


@pytest.mark.parametrize("name", ["go1.19-amd64-pie-cgo", "go1.25-amd64-pie-cgo", "go1.25-arm64-pie-cgo"])
def test_a_table_without_a_section_is_found_by_its_symbol(name: str) -> None:
    found = facts(name)
    assert not [s for s in found.image.elf.sections if s.name.endswith(".gopclntab")]
    row = found.symtab.find("runtime.pclntab")["runtime.pclntab"]
    assert int(found.symtab.value[row]) == found.module.header


@pytest.mark.parametrize("entry", matrix.quick(matrix.entries()), ids=str)
@pytest.mark.parametrize("bare", [False, True])
def test_a_magic_of_its_own_is_found_and_told(tmp_path, entry, bare: bool) -> None:
    """What obfuscators do: the magic is random. Alone, it breaks a start check; the table is still believed."""
    found = facts(entry.name)
    header = place(entry.name, found.module.header)
    writes = [(header, b"\x12\x34\x56\x78")] + ([(40, bytes(8)), (60, bytes(4))] if bare else [])
    other = load(str(damaged(tmp_path, entry.name, *writes)))
    assert other.module.address == found.module.address
    assert other.module.magic == 0x78563412
    assert [fault.kind for fault in other.health.start_faults] == ["magic"]
    assert other.functions.names == found.functions.names


@pytest.mark.parametrize("entry", matrix.select(buildmode="exe", goarch="amd64", stripped=False), ids=str)
def test_a_future_version_is_read_by_its_structure_or_not_at_all(tmp_path, entry) -> None:
    path = matrix.unpack(entry.name)
    content = path.read_bytes()
    section = facts(entry.name).image.elf.section(".go.buildinfo", ".data")
    version = entry.go_version.encode()
    writes = []
    for match in re.finditer(re.escape(version), content):
        raw = b"go1.99" + version[6:]
        writes.append((match.start(), raw))
    assert section is not None
    assert writes
    other = load(str(damaged(tmp_path, entry.name, *writes)))
    assert other.go_version.startswith("go1.99")
    assert not other.build.godebug_known
    if other.functions is None:
        assert "Go 1.99 is newer" in other.health.unverifiable
    else:
        assert other.module.by_structure
        assert other.functions.names == facts(entry.name).functions.names
        assert other.functions.entry.tolist() == facts(entry.name).functions.entry.tolist()
        for field in ("types", "etypes", "gofunc", "inittasks"):
            assert getattr(other.module, field) == getattr(facts(entry.name).module, field)


def test_a_known_version_is_never_read_with_anothers_layout() -> None:
    found = facts("go1.27-amd64-exe")
    assert find_module(found.image, found.symtab, 22) is None
    assert find_module(found.image, found.symtab, 27) == found.module


@pytest.mark.parametrize(
    ("offset", "value"),
    [
        (lay.M_FUNCNAMETAB + 8, 1 << 60),
        (lay.M_CUTAB, 1 << 62),
        (lay.M_PCTAB + 8, (1 << 64) - 1),
        (lay.M_FTAB + 8, 1 << 40),
        (lay.M_FTAB + 8, 0),
        (lay.M_ETEXT, 0),
        (lay.M_ETEXT, (1 << 64) - 1),
        (lay.M_MAXPC, (1 << 64) - 1),
        (lay.M_DATA, (1 << 64) - 1),
        (lay.M_EBSS, 1 << 63),
        (lay.M_NOPTRBSS, 1 << 62),
        (296, 1 << 62),  # types
        (312, 0),  # etypes: before types
        (344, 1 << 50),  # gofunc
        (448, 1 << 50),  # inittasks
        (456, 1 << 50),  # their number
    ],
)
def test_module_data_that_does_not_hold_together_is_not_taken(tmp_path, offset: int, value: int) -> None:
    name = "go1.27-amd64-exe"
    at = place(name, facts(name).module.address) + offset
    other = load(str(damaged(tmp_path, name, (at, struct.pack("<Q", value)))))
    assert other.functions is None
    assert other.health.unverifiable == "no function table was found whose parts fit together"
    assert other.go_version == "go1.27.3"


def test_go_before_1_16_is_refused_by_name(tmp_path) -> None:
    name = "go1.21-amd64-exe"
    version = matrix.unpack(name).read_bytes().find(b"go1.21.13", place(name, facts(name).module.data[1][0]))
    header = place(name, facts(name).module.header)
    writes = [(header, struct.pack("<I", lay.MAGIC_12))]
    content = matrix.unpack(name).read_bytes()
    writes += [(m.start(), b"go1.14.13") for m in re.finditer(rb"go1\.21\.13", content)]
    other = load(str(damaged(tmp_path, name, *writes)))
    assert version != 0
    assert other.functions is None
    assert "Go 1.15 or older" in other.health.unverifiable


def test_no_trace_of_go(tmp_path) -> None:
    path = tmp_path / "other"
    path.write_bytes(elf_file(bytes(64)))
    with pytest.raises(NotGo, match="not a Go binary"):
        load(str(path))
    assert DATA

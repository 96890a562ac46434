from __future__ import annotations

import struct

import pytest

from probes.elf.headers import MAX_SECTIONS, open_elf
from probes.elf.source import read_source
from probes.errors import MalformedElf, NotElf, ProbeError
from tests import matrix
from tests.made_elf import DATA, elf_file, facts


def opened(tmp_path, raw: bytes):
    path = tmp_path / "file"
    path.write_bytes(raw)
    return open_elf(read_source(str(path)))


def test_headers_of_every_fixture(entry) -> None:
    elf = facts(entry.name).image.elf
    assert elf.arch == entry.goarch
    assert elf.dynamic == (entry.buildmode != "exe")
    assert elf.os_abi == "ELFOSABI_SYSV"
    assert elf.section(".text").flags & 4
    assert elf.section(".nothing", ".text").name == ".text"
    assert elf.section(".nothing") is None
    assert {s.kind for s in elf.segments} >= {"PT_LOAD"}
    assert (elf.section(".symtab") is None) == entry.stripped


@pytest.mark.parametrize(
    ("offset", "raw", "error", "words"),
    [
        (0, b"\x7fELG", NotElf, "not an ELF file"),
        (4, b"\x01", NotElf, "32-bit"),
        (5, b"\x02", NotElf, "big-endian"),
        (16, b"\x01\x00", NotElf, "not a linked program"),
        (18, b"\x08\x00", NotElf, "unsupported machine MIPS"),
        (18, b"\xad\xde", NotElf, "unsupported machine"),
        (32, b"\xff" * 8, MalformedElf, "program headers"),
        (32, bytes(8), MalformedElf, "no program headers"),
        (54, b"\x37\x00", MalformedElf, "program headers"),
        (56, b"\xff\xff", MalformedElf, "program headers"),
        (40, b"\xff" * 7 + b"\x7f", MalformedElf, "section headers"),
    ],
)
def test_a_wrong_header_is_refused(tmp_path, offset: int, raw: bytes, error: type[ProbeError], words: str) -> None:
    content = bytearray(matrix.unpack("go1.27-amd64-exe").read_bytes())
    content[offset : offset + len(raw)] = raw
    with pytest.raises(error, match=words) as caught:
        opened(tmp_path, bytes(content))
    assert caught.value.subject.endswith("file")
    assert caught.value.hint


def test_section_count_is_bounded(tmp_path) -> None:
    raw = bytearray(elf_file(bytes(8)) + bytes(64 * (MAX_SECTIONS + 1)))
    struct.pack_into("<Q", raw, 40, DATA + 64)
    struct.pack_into("<H", raw, 60, MAX_SECTIONS + 1)
    with pytest.raises(MalformedElf, match="section headers"):
        opened(tmp_path, bytes(raw))


def test_a_file_that_was_cut_off_says_so(tmp_path) -> None:
    # Go's linker writes the section headers first and the sections' names behind the code.
    with pytest.raises(MalformedElf, match=r"ends too early: it has 300,000 bytes, and its section names") as caught:
        opened(tmp_path, matrix.unpack("go1.27-amd64-exe").read_bytes()[:300_000])
    assert "copy it again" in caught.value.hint


def test_a_section_without_a_name_is_known_by_its_number(tmp_path) -> None:
    raw = bytearray(matrix.unpack("go1.27-amd64-exe").read_bytes())
    table = struct.unpack_from("<Q", raw, 40)[0]
    struct.pack_into("<I", raw, table + 64, 0xFFFFFFFF)
    struct.pack_into("<Q", raw, table + 64 + 32, 1 << 40)
    with pytest.raises(MalformedElf, match="section number 1, which has no name, ends beyond the end"):
        opened(tmp_path, bytes(raw))


def test_a_section_beyond_the_end_is_refused(tmp_path) -> None:
    raw = bytearray(matrix.unpack("go1.27-amd64-exe").read_bytes())
    table = struct.unpack_from("<Q", raw, 40)[0]
    struct.pack_into("<Q", raw, table + 64 + 32, len(raw))
    with pytest.raises(MalformedElf, match=r"section \S+ ends beyond the end of the file"):
        opened(tmp_path, bytes(raw))


def test_a_name_outside_of_the_string_table_is_empty(tmp_path) -> None:
    raw = bytearray(matrix.unpack("go1.27-amd64-exe").read_bytes())
    table = struct.unpack_from("<Q", raw, 40)[0]
    struct.pack_into("<I", raw, table + 64, 0xFFFFFFFF)
    assert opened(tmp_path, bytes(raw)).sections[1].name == ""


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ((1, 4, 8, DATA + 8, 16, 16), "overlap"),
        ((1, 4, 0, 0x100000, 1 << 40, 1 << 40), "ends beyond the end"),
        ((1, 4, 0, (1 << 63) - 4096, 8, 4096), "impossible sizes"),
        ((1, 4, 0, 0x100000, 16, 8), "impossible sizes"),
        ((1, 4, 0, 0x100008, 16, 16), "cannot be mapped"),
        ((1, 4, (1 << 64) - 8, 0x100000, 16, 16), "ends beyond the end"),
    ],
)
def test_segments_that_cannot_be_are_refused(tmp_path, extra, words: str) -> None:
    with pytest.raises(MalformedElf, match=words):
        opened(tmp_path, elf_file(bytes(64), extra=(extra,)))


def test_segments_that_map_the_file_many_times_are_refused(tmp_path) -> None:
    extra = tuple((1, 4, 0, 0x100000 * i, DATA, DATA) for i in range(1, 8))
    with pytest.raises(MalformedElf, match="many times"):
        opened(tmp_path, elf_file(bytes(64), extra=extra))

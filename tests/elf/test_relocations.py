from __future__ import annotations

import struct

import numpy as np
import pytest

from probes.elf.relocations import _relr, apply_relocations, dynamic_tags
from probes.elf.symbols import EMPTY, SYM, SymbolTable
from probes.errors import ProbeError
from tests.made_elf import DATA

RELATIVE, ABSOLUTE, GLOB_DAT, JUMP_SLOT = 8, 1, 6, 7


def rela(*records: tuple[int, int, int, int]) -> bytes:
    """(offset, symbol, type, addend)."""
    return b"".join(struct.pack("<QQq", at, symbol << 32 | kind, addend) for at, symbol, kind, addend in records)


def dynsym(*symbols: tuple[int, int]) -> SymbolTable:
    """(section, value) with the names s0, s1 ..."""
    raw = np.zeros(len(symbols), dtype=SYM)
    raw["shndx"], raw["value"] = zip(*symbols, strict=True)
    raw["name"] = [1 + 3 * i for i in range(len(symbols))]
    return SymbolTable(raw, b"\0" + b"".join(b"s%d\0" % i for i in range(len(symbols))))


def scalar_relr(entries: list[int]) -> list[int]:
    """The loop of the gABI proposal."""
    out, base = [], 0
    for entry in entries:
        if entry & 1 == 0:
            out.append(entry)
            base = entry + 8
        else:
            out += [base + 8 * bit for bit in range(63) if entry >> (bit + 1) & 1]
            base += 8 * 63
    return sorted(out)


def test_relative_and_bound_relocations_are_applied(image) -> None:
    table = rela(
        (DATA, 0, RELATIVE, 0x1234),
        (DATA + 8, 1, ABSOLUTE, 4),
        (DATA + 16, 1, GLOB_DAT, 0),
        (DATA + 24, 2, JUMP_SLOT, 0),
        (DATA + 33, 0, RELATIVE, -1),
    )
    made = image(bytes(48) + table, dynamic=((7, DATA + 48), (8, len(table))))
    apply_relocations(made, dynsym((0, 0), (1, 0x5000), (0, 0)))
    assert made.u64s(DATA, 4).tolist() == [0x1234, 0x5004, 0x5000, 0]
    assert made.u64(DATA + 33) == (1 << 64) - 1
    assert made.external == {DATA + 24: "s2"}


def test_arm64_has_its_own_numbers(image) -> None:
    table = rela((DATA, 0, 1027, 7), (DATA + 8, 0, RELATIVE, 7))
    made = image(bytes(16) + table, dynamic=((7, DATA + 16), (8, len(table))), machine=183)
    apply_relocations(made, EMPTY)
    assert made.u64s(DATA, 2).tolist() == [7, 0]


def test_the_table_of_jump_slots_is_read_too(image) -> None:
    table = rela((DATA, 1, JUMP_SLOT, 0))
    made = image(bytes(16) + table, dynamic=((23, DATA + 16), (2, len(table))))
    apply_relocations(made, dynsym((0, 0), (1, 0x5000)))
    assert made.u64(DATA) == 0x5000


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ((DATA + 1 << 20, 0, RELATIVE, 1), "outside of the image"),
        ((1 << 63, 0, RELATIVE, 1), "outside of the image"),
        ((DATA, 9, ABSOLUTE, 1), "symbol that does not exist"),
    ],
)
def test_wrong_relocations_are_refused(image, record, words: str) -> None:
    table = rela(record)
    made = image(bytes(16) + table, dynamic=((7, DATA + 16), (8, len(table))))
    with pytest.raises(ProbeError, match=words):
        apply_relocations(made, dynsym((0, 0)))


@pytest.mark.parametrize("tags", [((7, DATA), (8, 24 << 59)), ((36, DATA), (35, 8 << 59)), ((7, 1 << 60), (8, 24))])
def test_counts_beyond_the_file_are_refused(image, tags) -> None:
    with pytest.raises(ProbeError, match="outside of the image"):
        apply_relocations(image(bytes(64), dynamic=tags), EMPTY)


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [0x1000],
        [0x1000, 0b1011],
        [0x1000, (1 << 64) - 1, 3, 0x8000, 0x9000, (1 << 63) | 1],
        [1, 3],
        [0x1000, 1, 1, 3],
    ],
)
def test_packed_relocations_agree_with_the_loop(entries: list[int]) -> None:
    assert _relr(np.array(entries, dtype=np.uint64)).tolist() == scalar_relr(entries)


def test_random_packed_relocations_agree_with_the_loop() -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        entries = rng.integers(0, 1 << 40, 40, dtype=np.uint64)
        entries[0] &= np.uint64(0xFFFFFFFFFFFFFFFE)
        assert _relr(entries).tolist() == scalar_relr(entries.tolist())


def test_packed_relocations_outside_are_refused(image) -> None:
    table = struct.pack("<Q", 1 << 40)
    with pytest.raises(ProbeError, match="outside of the image"):
        apply_relocations(image(bytes(512) + table, dynamic=((36, DATA + 512), (35, 8))), EMPTY)


def test_a_file_of_packed_relocations_only_is_refused_unread(image) -> None:
    table = b"\xff" * 65536
    with pytest.raises(ProbeError, match="more words than there are"):
        apply_relocations(image(table, dynamic=((36, DATA), (35, len(table)))), EMPTY)


def test_tags_end_at_the_null_and_the_first_one_counts(image) -> None:
    made = image(bytes(16), dynamic=((7, 1), (7, 2), (0, 0), (8, 3)))
    assert dynamic_tags(made) == {7: 1}
    assert dynamic_tags(image(bytes(16))) == {}


def test_a_dynamic_section_outside_of_the_image_is_refused(image) -> None:
    made = image(bytes(16), extra=((2, 4, DATA, 0x7000000, 16, 16),))
    with pytest.raises(ProbeError, match="outside of the image"):
        apply_relocations(made, EMPTY)

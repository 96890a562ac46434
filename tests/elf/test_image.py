from __future__ import annotations

import numpy as np
import pytest

from probes.errors import MalformedTable
from tests.made_elf import DATA


def test_addresses_and_offsets(image) -> None:
    made = image(bytes(range(64)), memory=4096)
    assert made.offset(DATA + 3, 5) == DATA + 3
    assert made.bytes(DATA + 3, 5).tolist() == [3, 4, 5, 6, 7]
    assert made.u32(DATA) == 0x03020100
    assert made.u64(DATA + 8) == 0x0F0E0D0C0B0A0908
    assert made.u64s(DATA, 2).tolist() == [0x0706050403020100, 0x0F0E0D0C0B0A0908]
    assert made.u32s(DATA + 60, 1).tolist() == [0x3F3E3D3C]
    assert made.mapped(DATA + 64)  # filled with zeros by the loader
    assert made.span(DATA + 64) is None
    assert not made.mapped(DATA + 4096)


@pytest.mark.parametrize(
    ("address", "size"),
    [(DATA - 1, 1), (DATA + 60, 5), (DATA, -1), (DATA + 64, 1), (1 << 70, 1), (-1, 1), (DATA, 1 << 60)],
)
def test_what_lies_outside_is_refused(image, address: int, size: int) -> None:
    with pytest.raises(MalformedTable, match="outside of the image"):
        image(bytes(64)).offset(address, size)


def test_counts_beyond_the_image_cost_nothing(image) -> None:
    made = image(bytes(64))
    for read in (made.u32s, made.u64s):
        with pytest.raises(MalformedTable):
            read(DATA, 1 << 60)


def test_strings_end_at_the_limit_or_the_segment(image) -> None:
    made = image(b"abc\0" + b"x" * 60)
    assert made.cstring(DATA) == "abc"
    assert made.cstring(DATA, limit=2) == "ab"
    assert made.cstring(DATA + 4) == "x" * 60
    with pytest.raises(MalformedTable):
        made.cstring(DATA + 64)


def test_many_offsets_at_once_agree_with_one(image) -> None:
    made = image(bytes(64))
    addresses = np.array([DATA - 1, DATA, DATA + 56, DATA + 57, -5, (1 << 63) - 1, -(1 << 63)], dtype=np.int64)
    assert made.offsets(addresses, 8).tolist() == [-1, DATA, DATA + 56, -1, -1, -1, -1]


def test_words_are_found_where_they_are_aligned(image) -> None:
    word = (0xDEADBEEF12345678).to_bytes(8, "little")
    made = image(word + b"\0" * 4 + word + b"\0" * 4 + word)
    assert made.find_word(0xDEADBEEF12345678) == [DATA, DATA + 24]
    assert made.find_word(0xDEADBEEF12345678, limit=1) == [DATA]
    assert made.find_word(1) == []

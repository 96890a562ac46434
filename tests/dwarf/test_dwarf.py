"""DWARF sections and entries, sound and damaged: typed errors, and bounds on size, time and depth."""

from __future__ import annotations

import random
import struct
import time
import zlib
from types import SimpleNamespace
from typing import Any

import pytest

from probes.dwarf import entries as dwarf
from probes.dwarf import sections as dwarf_sections
from probes.dwarf.entries import Entries, uleb
from probes.dwarf.sections import MAX_RATIO, debug_section
from probes.dwarf.shapes import AT_GO_KIND, MAX_DEPTH, Shapes
from probes.elf.headers import Section
from probes.errors import MalformedTable

STRUCT, BASE, MEMBER, ARRAY, TYPEDEF = 1, 2, 3, 4, 5
_STRING, _UDATA, _REF, _DATA1 = 0x08, 0x0F, 0x10, 0x0B


def table(*declarations: tuple[int, int, bool, list[tuple[int, int]]]) -> bytes:
    """A table of abbreviations: code, tag, children, and attributes with their forms."""
    out = b""
    for code, tag, children, specs in declarations:
        out += uleb(code) + uleb(tag) + bytes([children])
        out += b"".join(uleb(number) for spec in (*specs, (0, 0)) for number in spec)
    return out + b"\0"


ABBREV = table(
    (STRUCT, 0x13, True, [(3, _STRING), (0x0B, _UDATA), (AT_GO_KIND, _DATA1)]),
    (BASE, 0x24, False, [(3, _STRING), (0x0B, _DATA1), (AT_GO_KIND, _DATA1)]),
    (MEMBER, 0x0D, False, [(3, _STRING), (0x38, _UDATA), (0x49, _REF)]),
    (ARRAY, 0x01, True, [(3, _STRING), (0x49, _REF), (AT_GO_KIND, _DATA1)]),
    (TYPEDEF, 0x16, False, [(3, _STRING), (0x49, _REF)]),
)
HEADER = 12


def unit(body: bytes, *, version: int = 5, abbrev: int = 0) -> bytes:
    kind = bytes([1, 8]) if version == 5 else b""
    rest = struct.pack("<H", version) + kind + struct.pack("<I", abbrev) + (b"" if kind else b"\x08") + body
    return struct.pack("<I", len(rest)) + rest


def entries(body: bytes, abbrev: bytes = ABBREV) -> Entries:
    return Entries("shop", unit(body), abbrev)


def struct_of(name: bytes, *members: tuple[bytes, int, int], size: int = 8) -> bytes:
    out = bytes([STRUCT]) + name + b"\0" + uleb(size) + b"\x19"
    for member, offset, to in members:
        out += bytes([MEMBER]) + member + b"\0" + uleb(offset) + struct.pack("<I", to)
    return out + b"\0"


INT = bytes([BASE]) + b"int\0\x08\x02"


def test_a_struct_is_read_with_its_members() -> None:
    body = INT + struct_of(b"main.T", (b"A", 0, HEADER), (b"B", 300, HEADER), size=308)
    shape = Shapes(entries(body), signatures=False).at(HEADER + len(INT))
    assert (shape.name, shape.underlying, shape.size) == ("main.T", "struct", 308)
    assert [(m.name, m.offset, m.shape.name) for m in shape.members] == [("A", 0, "int"), ("B", 300, "int")]


def cyclic() -> dict[str, bytes]:
    at = HEADER
    return {
        "a struct in itself": struct_of(b"T", (b"A", 0, at)),
        "a typedef of itself": bytes([TYPEDEF]) + b"T\0" + struct.pack("<I", at),
        "an array of itself": bytes([ARRAY]) + b"T\0" + struct.pack("<I", at) + b"\x11\0",
        "two structs in one another": struct_of(b"T", (b"A", 0, at + len(struct_of(b"T", (b"A", 0, 0)))))
        + struct_of(b"U", (b"A", 0, at)),
    }


@pytest.mark.parametrize("body", cyclic().values(), ids=cyclic())
def test_a_cycle_by_value_is_an_error(body: bytes) -> None:
    with pytest.raises(MalformedTable):
        Shapes(entries(body), signatures=False).at(HEADER)


def test_a_type_deeper_than_any_is_an_error() -> None:
    one = len(struct_of(b"T", (b"A", 0, 0)))
    body = b"".join(struct_of(b"T", (b"A", 0, HEADER + one * (n + 1))) for n in range(2 * MAX_DEPTH)) + INT
    with pytest.raises(MalformedTable, match="holds itself"):
        Shapes(entries(body), signatures=False).at(HEADER)


DAMAGED: dict[str, tuple[bytes, bytes]] = {
    "no such abbreviation": (b"\x7f", ABBREV),
    "an endless number": (b"\xff" * 40, ABBREV),
    "a number at the end": (b"\x80", ABBREV),
    "a name without an end": (bytes([BASE]) + b"int", ABBREV),
    "an entry behind its unit": (bytes([BASE]) + b"int\0\x08", ABBREV),
    "an unknown form": (b"\x01", table((1, 0x24, False, [(3, 0x7F)]))),
    "an indirect form": (b"\x01\x08", table((1, 0x24, False, [(3, 0x16)]))),
    "a block of 2^60 bytes": (b"\x01" + uleb(1 << 60), table((1, 0x24, False, [(3, 0x09)]))),
    "abbreviations without an end": (b"\x01", table((1, 0x24, False, [(3, 0x08)]))[:-3]),
    "abbreviations of endless numbers": (b"\x01", b"\xff" * 100),
    "no abbreviations": (b"\x01", b""),
}


@pytest.mark.parametrize(("body", "abbrev"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_entry_is_an_error(body: bytes, abbrev: bytes) -> None:
    with pytest.raises(MalformedTable) as caught:
        entries(body, abbrev).entry(HEADER)
    assert caught.value.subject == "shop"


@pytest.mark.parametrize(
    "info",
    [
        b"\1",
        struct.pack("<I", 100) + bytes(50),
        struct.pack("<I", 3) + bytes(3),
        b"\xff" * 4 + struct.pack("<Q", 20) + bytes(20),
        unit(b"", version=9),
        unit(b"") + b"\xf0\xff\xff\xff" + bytes(20),
    ],
)
def test_a_damaged_chain_of_units_is_an_error(info: bytes) -> None:
    with pytest.raises(MalformedTable):
        Entries("shop", info, ABBREV)


def test_references_out_of_every_unit_are_errors() -> None:
    read = entries(INT)
    for offset in (0, HEADER + len(INT), 1 << 70, -1):
        with pytest.raises(MalformedTable):
            Shapes(read, signatures=False).at(offset)


def test_what_is_read_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dwarf, "MAX_ENTRIES", 100)
    read = entries(struct_of(b"T", *[(b"A", 0, HEADER)] * 200))
    with pytest.raises(MalformedTable, match="more than 100 entries"):
        list(read.children(read.entry(HEADER) or pytest.fail("no entry")))
    monkeypatch.setattr(dwarf, "MAX_TEXT", 1000)
    read = entries(bytes([BASE]) + b"x" * 900 + b"\0\x08\x02")
    read.entry(HEADER)
    with pytest.raises(MalformedTable, match="of names"):
        read.entry(HEADER)
    monkeypatch.setattr(dwarf, "MAX_SPECS", 50)
    with pytest.raises(MalformedTable, match="attributes in abbreviations"):
        entries(b"\x01", table((1, 0x24, False, [(3, _DATA1)] * 60))).entry(HEADER)


def test_a_name_longer_than_any_keeps_its_digest() -> None:
    names = set()
    for last in (b"a", b"b"):
        shape = Shapes(entries(bytes([BASE]) + b"x" * 9000 + last + b"\0\x08\x02"), signatures=False).at(HEADER)
        assert len(shape.name) <= 4096
        names.add(shape.name)
    assert len(names) == 2


def test_random_bytes_end_soon() -> None:
    rng = random.Random(7)
    sound = bytearray(INT + struct_of(b"main.T", (b"A", 0, HEADER), (b"B", 8, HEADER), size=16))
    started = time.process_time()
    for _ in range(3000):
        body, abbrev = bytearray(sound), bytearray(ABBREV)
        for target in (body, abbrev):
            for _ in range(rng.choice((0, 1, 2, 8))):
                target[rng.randrange(len(target))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        try:
            Shapes(entries(bytes(body), bytes(abbrev)), signatures=True).at(HEADER + rng.randrange(len(body)))
        except MalformedTable as exc:
            assert exc.subject == "shop"  # noqa: PT017 - most end in an error, and some do not
    assert time.process_time() - started < 20


def image(content: bytes, *, name: str = ".debug_info", flags: int = 0, kind: int = 1) -> Any:
    section = Section(name, kind, flags, 0, 0, len(content), 0, 0, 0)

    def find(*names: str) -> Section | None:
        return section if section.name in names else None

    return SimpleNamespace(path="shop", buffer=bytearray(content), elf=SimpleNamespace(section=find))


def chdr(size: int, kind: int = 1) -> bytes:
    return struct.pack("<IIQQ", kind, 0, size, 1)


PLAIN = bytes(range(256)) * 40
PACKED = zlib.compress(PLAIN)


def test_a_section_is_decompressed() -> None:
    assert debug_section(image(PLAIN), "info") == PLAIN
    assert debug_section(image(chdr(len(PLAIN)) + PACKED, flags=0x800), "info") == PLAIN
    gnu = b"ZLIB" + struct.pack(">Q", len(PLAIN)) + PACKED
    assert debug_section(image(gnu, name=".zdebug_info"), "info") == PLAIN
    assert debug_section(image(PLAIN), "abbrev") is None


BAD: dict[str, tuple[Any, str]] = {
    "zstd": (image(chdr(5, 2) + b"12345", flags=0x800), "zstd"),
    "another method": (image(chdr(5, 9) + b"12345", flags=0x800), "method 9"),
    "less than a header": (image(b"1234", flags=0x800), "decompressed"),
    "less than a header, older": (image(b"ZLIB", name=".zdebug_info"), "decompressed"),
    "another name": (image(b"GZIP" + bytes(20), name=".zdebug_info"), "decompressed"),
    "no zlib": (image(chdr(5) + b"12345", flags=0x800), "decompressed"),
    "cut off": (image(chdr(len(PLAIN)) + PACKED[:-20], flags=0x800), "decompressed"),
    "less than it says": (image(chdr(len(PLAIN) + 1) + PACKED, flags=0x800), "decompressed"),
    "more than it says": (image(chdr(len(PLAIN) - 1) + PACKED, flags=0x800), "decompressed"),
    "in another file": (image(PLAIN, kind=8), "another file"),
    "says 2^63 bytes": (image(chdr(1 << 63) + PACKED, flags=0x800), "more than is unpacked"),
}


@pytest.mark.parametrize(("damaged", "words"), BAD.values(), ids=BAD)
def test_a_section_that_cannot_be_had_is_an_error(damaged: Any, words: str) -> None:
    with pytest.raises(MalformedTable, match=words):
        debug_section(damaged, "info")


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    size = 100 << 20
    packer = zlib.compressobj()
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(100)) + packer.flush()
    assert size > MAX_RATIO * len(bomb) + (1 << 20)
    monkeypatch.setattr(dwarf_sections.zlib, "decompressobj", lambda: pytest.fail("it was unpacked"))
    with pytest.raises(MalformedTable, match="more than is unpacked"):
        debug_section(image(chdr(size) + bomb, flags=0x800), "info")
    monkeypatch.undo()
    with pytest.raises(MalformedTable, match="decompressed"):  # it says less than it has, and no more is unpacked
        debug_section(image(chdr(4096) + bomb, flags=0x800), "info")

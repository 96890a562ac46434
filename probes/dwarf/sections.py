"""The sections of DWARF as bytes, decompressed within bounds.

Compressed ones are marked in their header (`SHF_COMPRESSED`, an Elf64_Chdr in front) or, by older linkers, in their name
(`.zdebug_info`: `ZLIB` and the size, big-endian).
"""

from __future__ import annotations

import zlib

from probes.elf.headers import Section
from probes.elf.image import Image
from probes.errors import MalformedTable

SHF_COMPRESSED = 0x800
SHT_NOBITS = 8
ELFCOMPRESS_ZLIB = 1
CHDR = 24  # ch_type u32, ch_reserved u32, ch_size u64, ch_addralign u64
ZHDR = 12  # b"ZLIB", size u64 big-endian

MAX_BYTES = 1 << 28
"""Of one section, decompressed. `.debug_info` of a Go program of 33 MB is 7.6 MB."""

MAX_RATIO = 48
"""A section may be so many times larger than it is compressed, beyond the first megabyte; the linkers reach 3 to 5."""


def debug_section(image: Image, name: str) -> bytes | None:
    """The section `.debug_NAME`, decompressed; None when the file has none.

    Raises:
        MalformedTable: it is too large, damaged, or compressed in a way that is not read.
    """
    section = image.elf.section(f".debug_{name}", f".zdebug_{name}")
    if section is None:
        return None
    if section.kind == SHT_NOBITS:
        raise MalformedTable(f"{section.name} is in another file", subject=image.path)
    if section.size > MAX_BYTES:
        raise MalformedTable(f"{section.name} is larger than {MAX_BYTES >> 20} MiB", subject=image.path)
    raw = bytes(image.buffer[section.offset : section.offset + section.size])
    if section.name.startswith(".z"):
        if len(raw) < ZHDR or raw[:4] != b"ZLIB":
            raise _damaged(image, section)
        return _inflated(image, section, raw[ZHDR:], int.from_bytes(raw[4:ZHDR], "big"))
    if not section.flags & SHF_COMPRESSED:
        return raw
    if len(raw) < CHDR:
        raise _damaged(image, section)
    kind = int.from_bytes(raw[:4], "little")
    if kind != ELFCOMPRESS_ZLIB:
        way = "zstd" if kind == 2 else f"method {kind}"
        raise MalformedTable(f"{section.name} is compressed by {way}; only zlib is read", subject=image.path)
    return _inflated(image, section, raw[CHDR:], int.from_bytes(raw[8:16], "little"))


def _inflated(image: Image, section: Section, packed: bytes, size: int) -> bytes:
    if size > min(MAX_BYTES, (1 << 20) + MAX_RATIO * len(packed)):
        raise MalformedTable(
            f"{section.name} says that it has {size:,} bytes in {len(packed):,}, which is more than is unpacked",
            subject=image.path,
        )
    try:
        data = zlib.decompressobj().decompress(packed, size + 1)
    except zlib.error as exc:
        raise _damaged(image, section) from exc
    if len(data) != size:
        raise _damaged(image, section)
    return data


def _damaged(image: Image, section: Section) -> MalformedTable:
    return MalformedTable(f"{section.name} cannot be decompressed", subject=image.path, offset=section.offset)

"""Fixtures read once, copies of them with single bytes changed, and ELF files made by hand."""

from __future__ import annotations

import struct
from functools import cache
from typing import TYPE_CHECKING

from probes.go import load
from tests import matrix

if TYPE_CHECKING:
    from pathlib import Path

    from probes.go.facts import BinaryFacts

DATA = 0x1000
"""Address and file offset of the bytes in `elf_file`."""


@cache
def facts(name: str) -> BinaryFacts:
    """The facts of the binary `name` of the manifest; nobody may change them."""
    return load(str(matrix.unpack(name)))


def damaged(folder: Path, name: str, *writes: tuple[int, bytes]) -> Path:
    """A copy of a fixture with (file offset, bytes) written into it."""
    data = bytearray(matrix.unpack(name).read_bytes())
    for offset, raw in writes:
        data[offset : offset + len(raw)] = raw
    path = folder / f"damaged-{name}"
    path.write_bytes(data)
    return path


def place(name: str, address: int, size: int = 1) -> int:
    """File offset of an address of a fixture."""
    return facts(name).image.offset(address, size)


def elf_file(
    data: bytes,
    *,
    machine: int = 62,
    dynamic: tuple[tuple[int, int], ...] = (),
    extra: tuple[tuple[int, int, int, int, int, int], ...] = (),
    memory: int = 0,
) -> bytes:
    """A small ELF file: one segment of `data` at address `DATA`, writable, with a dynamic section after it.

    `extra` are further program headers (type, flags, offset, vaddr, filesz, memsz).
    """
    tags = b"".join(struct.pack("<qQ", *pair) for pair in (*dynamic, (0, 0))) if dynamic else b""
    body = data + bytes(-len(data) % 16) + tags
    loads = [(1, 6, DATA, DATA, len(body), max(len(body), memory))]
    if tags:
        at = DATA + len(body) - len(tags)
        loads.append((2, 6, at, at, len(tags), len(tags)))
    headers = b"".join(
        struct.pack("<IIQQQQQQ", p_type, flags, offset, vaddr, vaddr, filesz, memsz, 0x1000)
        for p_type, flags, offset, vaddr, filesz, memsz in (*loads, *extra)
    )
    ident = b"\x7fELF" + bytes([2, 1, 1, 0]) + bytes(8)
    count = len(loads) + len(extra)
    header = ident + struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, DATA, 64, 0, 0, 64, 56, count, 64, 0, 0)
    return (header + headers).ljust(DATA, b"\0") + body

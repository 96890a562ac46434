"""ELF symbol tables as numpy columns; names are decoded when asked for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from probes.elf.headers import Elf
from probes.elf.image import I64, U64, Image
from probes.elf.string_table import strings_at
from probes.errors import MalformedElf

SYM = np.dtype(
    [
        ("name", "<u4"),  # st_name, offset in the linked string table
        ("info", "u1"),  # binding << 4 | type
        ("other", "u1"),
        ("shndx", "<u2"),
        ("value", "<u8"),
        ("size", "<u8"),
    ]
)  # 24, Elf64_Sym

STT_OBJECT, STT_FUNC, STT_TLS = 1, 2, 6
SHN_UNDEF, SHN_ABS = 0, 0xFFF1

MAX_NAME = 1 << 16
"""Bytes. Compilers shorten C++ names long before."""

MAX_COPIES = 16
"""Copies of one name in a string table that are tried; linkers write one."""


class SymbolTable:
    """One symbol table. Columns have shape (n,): `value` and `size` uint64, `section` uint16, the others uint8."""

    __slots__ = ("_names", "_strings", "binding", "kind", "section", "size", "value", "visibility")

    def __init__(self, raw: npt.NDArray[np.void], strings: bytes) -> None:
        self._names = raw["name"]
        self._strings = strings
        self.value: U64 = np.ascontiguousarray(raw["value"])
        self.size: U64 = np.ascontiguousarray(raw["size"])
        self.kind: npt.NDArray[np.uint8] = raw["info"] & np.uint8(15)
        self.binding: npt.NDArray[np.uint8] = raw["info"] >> np.uint8(4)
        self.visibility: npt.NDArray[np.uint8] = raw["other"] & np.uint8(3)
        self.section: npt.NDArray[np.uint16] = np.ascontiguousarray(raw["shndx"])

    def __len__(self) -> int:
        return len(self._names)

    def name(self, index: int) -> str:
        """Name of symbol `index`; empty where it leads outside of the string table, or has no end within reason."""
        start = int(self._names[index])
        end = self._strings.find(b"\0", start, start + MAX_NAME)
        return self._strings[start:end].decode("utf-8", "replace") if end >= 0 else ""

    def names(self, indices: I64) -> list[str]:
        """Names of `indices`, shape (k,). Raises MalformedTable when they are far larger than the string table."""
        return strings_at(self._strings, self._names[indices].astype(np.int64))[0]

    def find(self, *names: str) -> dict[str, int]:
        """Indices of the symbols called `names`, those that exist; linear in the table."""
        out: dict[str, int] = {}
        for name in names:
            needle = b"\0" + name.encode() + b"\0"
            start = self._strings.find(needle)
            for _ in range(MAX_COPIES):
                if start < 0:
                    break
                hits = np.flatnonzero(self._names == start + 1)
                if len(hits):
                    out[name] = int(hits[0])
                    break
                start = self._strings.find(needle, start + 1)
        return out


EMPTY = SymbolTable(np.zeros(0, dtype=SYM), b"\0")


def read_symbols(image: Image, section: str) -> SymbolTable | None:
    """The table in `.symtab` or `.dynsym`; None when the file has none.

    Raises:
        MalformedElf: the table's entry size or string table cannot be right.
    """
    elf: Elf = image.elf
    header = elf.section(section)
    if header is None or header.size == 0:
        return None
    if header.entsize != SYM.itemsize or header.link >= len(elf.sections) or header.kind == 8:
        raise MalformedElf(f"{section} has an impossible shape", subject=image.path, offset=header.offset)
    strings = elf.sections[header.link]
    if strings.kind == 8 or header.size > len(image.buffer):
        raise MalformedElf(f"{section} has no string table", subject=image.path, offset=header.offset)
    raw = image.buffer[header.offset : header.offset + header.size // SYM.itemsize * SYM.itemsize]
    return SymbolTable(
        np.frombuffer(bytes(raw), dtype=SYM), bytes(image.buffer[strings.offset : strings.offset + strings.size])
    )

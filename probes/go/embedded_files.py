"""The files that `//go:embed` put into a program as an `embed.FS`, stripped or not.

The compiler writes each set as a slice header that points right behind itself, and a record of 48 bytes a file
(cmd/compile/internal/staticdata, WriteEmbed): the name as a string, the contents as a string, and the first 16 bytes of
their SHA-256. Folders have a name that ends in "/" and no contents. No name of a symbol is needed to find one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
from msgspec import Struct

from probes.elf.headers import SHF_ALLOC
from probes.elf.image import I64, U8, Image, Span
from probes.elf.symbols import SymbolTable
from probes.errors import MalformedTable

HEADER, RECORD = 24, 48
"""Bytes of a slice header, and of embed.file."""
SHF_EXECINSTR = 4
MAX_FILES = 1 << 20
"""Of one program; one with more is not listed to the end."""
MAX_NAME = 4096
PIECE = 1 << 14
"""Words that are looked through at once: they and what is made from them stay in the processor's cache."""
MAX_SYMBOLS = 1 << 16
MAX_SHARE = 8
"""All contents together, in sizes of the program: sets may share files, but not without end."""


class EmbeddedFile(Struct, frozen=True):
    """One file. `path` is that of the embed.FS, `variable` the one that holds it ("" in a stripped program).

    `address` and `size` are those of its contents, in bytes.
    """

    path: str
    variable: str
    address: int
    size: int


class EmbeddedSet(Struct, frozen=True):
    """One embed.FS: the address of its slice header, and its files in their order, without folders."""

    address: int
    variable: str
    files: tuple[EmbeddedFile, ...]


def read_embedded(image: Image, symtab: SymbolTable | None) -> tuple[EmbeddedSet, ...]:
    """Every `embed.FS` with at least one file or folder, in the order of their addresses.

    What does not look like one throughout is none.

    Raises:
        MalformedTable: the files are far larger than the program that holds them.
    """
    found: list[EmbeddedSet] = []
    left, room = MAX_FILES, MAX_SHARE * image.data.size
    for address in _headers(image).tolist():
        files = _files(image, address, left)
        if files:
            left -= len(files)
            room -= sum(f.size for f in files)
            if room < 0:
                raise MalformedTable("embedded files are larger than the program that holds them", subject=image.path)
            found.append(EmbeddedSet(address, "", tuple(f for f in files if not f.path.endswith("/"))))
    names = _variables(symtab, [each.address for each in found])
    return tuple(
        EmbeddedSet(s.address, name, tuple(EmbeddedFile(f.path, name, f.address, f.size) for f in s.files))
        for s, name in zip(found, names, strict=True)
    )


def contents(image: Image, file: EmbeddedFile) -> U8:
    """The bytes of a file, shape (size,), uint8."""
    return image.bytes(file.address, file.size) if file.size else image.data[:0]


def digest(image: Image, file: EmbeddedFile) -> str:
    """SHA-256 of a file's contents, 64 hex digits."""
    return hashlib.sha256(contents(image, file).tobytes()).hexdigest()


def _headers(image: Image) -> I64:
    """Addresses of words that lead right behind their slice header, whose length and capacity are equal.

    The first record behind it has a name.
    """
    found: list[I64] = []
    ramp = 8 * np.arange(PIECE, dtype=np.int64)
    for span in _constants(image):
        first, last = (span.offset + 7) // 8, (span.offset + span.end - span.start) // 8 - 2
        if last <= first:
            continue
        shift = span.start - span.offset
        for at in range(first, last, PIECE):
            words = image.words[at : min(at + PIECE, last)].view(np.int64)
            hits = np.flatnonzero(words - ramp[: words.size] == shift + 8 * at + HEADER) + at
            length = image.words[hits + 1]
            hits = hits[(length == image.words[hits + 2]) & (length > 0) & (length <= MAX_FILES)]
            hits = hits[hits + (HEADER + RECORD) // 8 <= image.words.size]
            name = image.words[hits + HEADER // 8 + 1]  # the length of the first file's
            hits = hits[(name > 0) & (name <= MAX_NAME)]
            found.append(shift + 8 * hits)
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)


def _constants(image: Image) -> Iterator[Span]:
    """The runs that may hold constants. Linkers may put them beside the code (ld -z noseparate-code, gold)."""
    for span in image.spans:
        if not span.executable or span.writable or not image.elf.sections:
            yield span
            continue
        for section in image.elf.sections:
            inside = span.start <= section.addr and section.addr + section.size <= span.end
            if inside and section.size and section.flags & (SHF_ALLOC | SHF_EXECINSTR) == SHF_ALLOC:
                start = section.addr
                offset = span.offset + start - span.start
                yield Span(start, start + section.size, offset, executable=False, writable=False)


def _files(image: Image, address: int, limit: int) -> list[EmbeddedFile]:
    """The records behind the header at `address`, folders among them; none when one of them cannot be a file."""
    number = image.u64(address + 8)
    span = image.span(address)
    if span is None or number > limit or address + HEADER + number * RECORD > span.end:
        return []
    words = image.u64s(address + HEADER, number * RECORD // 8).reshape(number, RECORD // 8)
    out: list[EmbeddedFile] = []
    for name_at, name_size, data_at, size, low, high in words.tolist():
        path = _name(image, name_at, name_size)
        folder = path.endswith("/")
        if not path or folder != (low == high == data_at == size == 0):
            return []
        if size and not _holds(image, data_at, size):
            return []
        out.append(EmbeddedFile(path, "", data_at, size))
    return out


def _holds(image: Image, address: int, size: int) -> bool:
    span = image.span(address)
    return span is not None and address + size <= span.end


def _name(image: Image, address: int, size: int) -> str:
    """The path of a file as `io/fs` allows it (fs.ValidPath), with or without "/" at its end; "" when it is none."""
    if not 0 < size <= MAX_NAME or not _holds(image, address, size):
        return ""
    try:
        path = image.bytes(address, size).tobytes().decode("utf-8")
    except UnicodeDecodeError:
        return ""
    parts = path.removesuffix("/").split("/")
    good = path.isprintable() and all(part not in {"", ".", ".."} for part in parts)
    return path if good else ""


def _variables(symtab: SymbolTable | None, addresses: list[int]) -> list[str]:
    """The variables of the sets at `addresses`; the symbol of a set is that of its variable and `.files`."""
    if symtab is None or not addresses:
        return [""] * len(addresses)
    rows = np.flatnonzero(np.isin(symtab.value, np.array(addresses, dtype=np.uint64)))[:MAX_SYMBOLS]
    names: dict[int, str] = {}
    for row, name in zip(rows.tolist(), symtab.names(rows), strict=True):
        if name.endswith(".files"):
            names[int(symtab.value[row])] = name.removesuffix(".files").replace("%2e", ".")
    return [names.get(address, "") for address in addresses]

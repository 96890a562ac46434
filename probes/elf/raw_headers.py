"""pyelftools' records of an ELF file's headers, over a buffer that is not copied, and its errors made ours."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from elftools.common.exceptions import ELFError
from elftools.common.utils import struct_parse
from elftools.construct import ConstructError
from elftools.elf.structs import ELFStructs

from probes.elf.source import Source
from probes.errors import MalformedElf, ProbeError

SHT_SYMTAB = 2
SHT_NOBITS = 8
_SHT = {
    "SHT_NULL": 0,
    "SHT_PROGBITS": 1,
    "SHT_SYMTAB": SHT_SYMTAB,
    "SHT_STRTAB": 3,
    "SHT_RELA": 4,
    "SHT_HASH": 5,
    "SHT_DYNAMIC": 6,
    "SHT_NOTE": 7,
    "SHT_NOBITS": SHT_NOBITS,
    "SHT_REL": 9,
    "SHT_DYNSYM": 11,
    "SHT_INIT_ARRAY": 14,
    "SHT_FINI_ARRAY": 15,
    "SHT_GNU_verdef": 0x6FFFFFFD,
    "SHT_GNU_verneed": 0x6FFFFFFE,
    "SHT_GNU_versym": 0x6FFFFFFF,
}


class _Bytes(io.RawIOBase):
    """A file object over a buffer that is not copied."""

    def __init__(self, buffer: bytearray) -> None:
        self._view = memoryview(buffer)
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: len(self._view)}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        end = len(self._view) if size is None or size < 0 else min(len(self._view), self._position + size)
        out = bytes(self._view[self._position : end])
        self._position += len(out)
        return out


@contextmanager
def typed_errors(
    path: str, what: str, hint: str = "the file is damaged or truncated; build it again"
) -> Iterator[None]:
    """Turn whatever low-level parsing raises into one MalformedElf about `path`."""
    try:
        yield
    except ProbeError:
        raise
    except (ELFError, ConstructError, ValueError, LookupError, TypeError, ArithmeticError, AttributeError) as exc:
        raise MalformedElf(f"{what} cannot be read", subject=path, hint=hint) from exc
    except (AssertionError, OSError, EOFError, RecursionError) as exc:
        raise MalformedElf(f"{what} cannot be read", subject=path, hint=hint) from exc


class RawHeaders:
    """pyelftools' records of the file header, sections and segments. Not its ELFFile: that imports all of DWARF."""

    def __init__(self, source: Source) -> None:
        self.stream = cast("Any", _Bytes(source.buffer))
        self.structs = ELFStructs(little_endian=True, elfclass=64)
        self.structs.create_basic_structs()
        self.header: Any = struct_parse(self.structs.Elf_Ehdr, self.stream, 0)
        ident = self.header["e_ident"]
        self.structs.create_advanced_structs(self.header["e_type"], self.header["e_machine"], ident["EI_OSABI"])


def section_kind(sh_type: str | int) -> int:
    """sh_type as a number; pyelftools names those it knows. 0x7FFFFFFF for a name that we have no use for."""
    return sh_type if isinstance(sh_type, int) else _SHT.get(sh_type, 0x7FFFFFFF)

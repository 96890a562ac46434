"""The records of an ELF file's headers, as elf(5) gives them, and the errors of low-level parsing made ours.

Not read with pyelftools: importing its records takes 8 ms of every check, and a loop of it that trusts the file is one
more thing to bound.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from probes.errors import MalformedElf, ProbeError

SHT_SYMTAB = 2
SHT_NOBITS = 8

EHDR_SIZE = 64
PHDR_SIZE = 56
SHDR_SIZE = 64

_EHDR = struct.Struct("<16x2HI3QI6H")
_PHDR = struct.Struct("<2I6Q")
_SHDR = struct.Struct("<2I4Q2I2Q")


class Ehdr(NamedTuple):
    """Elf64_Ehdr behind its e_ident; fields bear the standard's names without `e_`."""

    type: int
    machine: int
    version: int
    entry: int
    phoff: int
    shoff: int
    flags: int
    ehsize: int
    phentsize: int
    phnum: int
    shentsize: int
    shnum: int
    shstrndx: int


class Shdr(NamedTuple):
    """Elf64_Shdr; fields bear the standard's names without `sh_`."""

    name: int
    type: int
    flags: int
    addr: int
    offset: int
    size: int
    link: int
    info: int
    addralign: int
    entsize: int


def read_ehdr(buffer: bytes | bytearray) -> Ehdr:
    """The file header. `struct.error` when the file is shorter."""
    return Ehdr(*_EHDR.unpack_from(buffer, 0))


def read_phdrs(buffer: bytes | bytearray, offset: int, count: int) -> list[tuple[int, ...]]:
    """`count` program headers from `offset` on: type, flags, offset, vaddr, paddr, filesz, memsz, align (Elf64_Phdr).

    The caller has checked that they lie in the file.
    """
    return list(_PHDR.iter_unpack(memoryview(buffer)[offset : offset + count * PHDR_SIZE]))


def read_shdrs(buffer: bytes | bytearray, offset: int, count: int) -> list[Shdr]:
    """`count` section headers from `offset` on. The caller has checked that they lie in the file."""
    return [Shdr(*each) for each in _SHDR.iter_unpack(memoryview(buffer)[offset : offset + count * SHDR_SIZE])]


@contextmanager
def typed_errors(
    path: str, what: str, hint: str = "the file is damaged or truncated; build it again"
) -> Iterator[None]:
    """Turn whatever low-level parsing raises into one MalformedElf about `path`."""
    try:
        yield
    except ProbeError:
        raise
    except (struct.error, ValueError, LookupError, TypeError, ArithmeticError, AttributeError) as exc:
        raise MalformedElf(f"{what} cannot be read", subject=path, hint=hint) from exc
    except (AssertionError, OSError, EOFError, RecursionError) as exc:
        raise MalformedElf(f"{what} cannot be read", subject=path, hint=hint) from exc

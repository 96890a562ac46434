"""What an ELF file asks of the loader."""

from __future__ import annotations

from msgspec import Struct


class SymbolVersion(Struct, frozen=True):
    """A version that a needed library must define, such as `libc.so.6` `GLIBC_2.34`."""

    library: str
    version: str


class TlsSegment(Struct, frozen=True):
    """The PT_TLS segment: `size` in memory, `file_size` initialised, and its alignment, in bytes."""

    size: int
    file_size: int
    align: int


class NativeFacts(Struct, frozen=True):
    """What the image asks of the host's loader, and how it is hardened."""

    interpreter: str | None
    needed: tuple[str, ...]
    versions: tuple[SymbolVersion, ...]
    soname: str | None
    tls: TlsSegment | None
    tls_symbols: tuple[str, ...]
    relro: str
    """`none`, `partial` or `full`."""
    exec_stack: bool
    pie: bool

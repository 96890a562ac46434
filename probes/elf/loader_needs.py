"""What the image asks of the host's loader, and its notes.

Read from the segments, as the loader does, so that a file whose section headers were stripped gives the same. Sources:
ELF gABI chapter 5, the Linux Standard Base on symbol versions.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from probes.elf.facts import NativeFacts, SymbolVersion, TlsSegment
from probes.elf.image import Image
from probes.elf.relocations import dynamic_entries, dynamic_tags
from probes.elf.symbol_versions import needed_versions
from probes.elf.symbols import STT_TLS, SymbolTable

MAX_NOTES, MAX_NOTES_SIZE = 16, 1 << 16
SHT_NOTE = 7

DT_NEEDED, DT_STRTAB, DT_SONAME, DT_BIND_NOW, DT_FLAGS = 1, 5, 14, 24, 30
DT_FLAGS_1 = 0x6FFFFFFB
DF_BIND_NOW, DF_1_NOW, DF_1_PIE = 0x8, 0x1, 0x08000000
NT_GNU_BUILD_ID = 3
NT_GO_BUILD_ID = 4


def read_native(image: Image, symtab: SymbolTable | None) -> NativeFacts:
    """Read interpreter, needed libraries and versions, TLS and hardening.

    Raises:
        MalformedElf, MalformedTable: the dynamic section or a version table leads outside of the image.
    """
    elf = image.elf
    tags = dynamic_tags(image)
    strings = tags.get(DT_STRTAB, 0)
    needed, soname, bind_now, pie = _dynamic(image, strings)
    versions = {SymbolVersion(each.library, each.version) for each in needed_versions(image, tags)}
    tls = next((s for s in elf.segments if s.kind == "PT_TLS"), None)
    relro = any(s.kind == "PT_GNU_RELRO" for s in elf.segments)
    stack = next((s for s in elf.segments if s.kind == "PT_GNU_STACK"), None)
    return NativeFacts(
        interpreter=read_interpreter(image),
        needed=needed,
        versions=tuple(sorted(versions, key=lambda v: (v.library, v.version))),
        soname=soname,
        tls=TlsSegment(tls.memsz, tls.filesz, tls.align) if tls is not None else None,
        tls_symbols=_tls_symbols(symtab),
        relro="none" if not relro else "full" if bind_now else "partial",
        exec_stack=stack is not None and bool(stack.flags & 1),
        pie=elf.dynamic and (pie or read_interpreter(image) is not None),
    )


def read_interpreter(image: Image) -> str | None:
    """The path of the program interpreter (PT_INTERP); None in a static program or a library."""
    segment = next((s for s in image.elf.segments if s.kind == "PT_INTERP" and s.filesz), None)
    if segment is None:
        return None
    raw = bytes(image.buffer[segment.offset : segment.offset + min(segment.filesz, 4096)])
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace") or None


def _dynamic(image: Image, strings: int) -> tuple[tuple[str, ...], str | None, bool, bool]:
    """Needed libraries, own name, whether everything is bound at start, and whether it is a program."""
    needed: list[str] = []
    soname, bind_now, pie = None, False, False
    for tag, value in dynamic_entries(image):
        if tag == DT_NEEDED:
            needed.append(image.cstring(strings + value))
        elif tag == DT_SONAME:
            soname = image.cstring(strings + value)
        elif tag == DT_BIND_NOW:
            bind_now = True
        elif tag == DT_FLAGS:
            bind_now |= bool(value & DF_BIND_NOW)
        elif tag == DT_FLAGS_1:
            bind_now |= bool(value & DF_1_NOW)
            pie |= bool(value & DF_1_PIE)
    return tuple(needed), soname, bind_now, pie


def _tls_symbols(symtab: SymbolTable | None) -> tuple[str, ...]:
    if symtab is None:
        return ()
    names = set(symtab.names((symtab.kind == STT_TLS).nonzero()[0]))
    return tuple(sorted(name for name in names if not name.startswith("$")))  # `$d` marks data for a disassembler


def read_build_ids(image: Image) -> tuple[str | None, str | None]:
    """The Go build id and the GNU build id (hex) from the notes; None for one that is absent.

    PT_NOTE is not enough: it leaves out `.note.gnu.build-id` where Go's own linker wrote it (Go 1.24 to 1.27).
    """
    elf = image.elf
    places = [(s.offset, s.filesz) for s in elf.segments if s.kind == "PT_NOTE"][:MAX_NOTES]
    places += [(s.offset, s.size) for s in elf.sections if s.kind == SHT_NOTE][:MAX_NOTES]
    go = gnu = None
    for offset, size in places:
        for name, kind, text in _notes(image.buffer, offset, offset + min(size, MAX_NOTES_SIZE)):
            if (name, kind) == (b"GNU\0", NT_GNU_BUILD_ID):
                gnu = text.hex()
            elif (name, kind) == (b"Go\0\0", NT_GO_BUILD_ID):
                go = text.rstrip(b"\0").decode("utf-8", "replace")
    return go or None, gnu or None


def _notes(buffer: bytearray, position: int, stop: int) -> Iterator[tuple[bytes, int, bytes]]:
    """Name, type and contents of the notes in one place, up to the first that leaves it."""
    while position + 12 <= stop:
        namesz, descsz, kind = struct.unpack_from("<III", buffer, position)  # Elf64_Nhdr
        begin = position + 12
        body = begin + (namesz + 3 & ~3)
        position = body + (descsz + 3 & ~3)
        if position > stop:
            return
        yield bytes(buffer[begin : begin + namesz]), kind, bytes(buffer[body : body + descsz])

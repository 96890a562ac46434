"""What the image asks of the host's loader, and its notes: read with pyelftools, bounded first."""

from __future__ import annotations

import struct
from itertools import islice
from typing import Any

from elftools.elf.dynamic import Dynamic
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

from probes.binary.elf import SHF_ALLOC, typed_errors
from probes.binary.facts import NativeFacts, SymbolVersion, TlsSegment
from probes.binary.image import Image
from probes.binary.relocs import dynamic_tags
from probes.binary.symbols import STT_TLS, SymbolTable
from probes.errors import MalformedElf

MAX_TAGS = 4096
MAX_VERSIONS = 10_000
MAX_NOTES_SIZE = 1 << 16

DT_STRTAB = 5
DF_BIND_NOW, DF_1_NOW, DF_1_PIE = 0x8, 0x1, 0x08000000
NT_GNU_BUILD_ID = 3
NT_GO_BUILD_ID = 4


def read_native(image: Image, file: ELFFile, symtab: SymbolTable | None) -> NativeFacts:
    """Read interpreter, needed libraries and versions, TLS and hardening.

    Raises:
        MalformedElf: the dynamic section or a version table cannot be read.
    """
    elf = image.elf
    with typed_errors(image.path, "dynamic section"):
        needed, soname, bind_now, pie = _dynamic(image, file)
    with typed_errors(image.path, "symbol versions"):
        versions = _versions(image, file)
    tls = next((s for s in elf.segments if s.kind == "PT_TLS"), None)
    relro = any(s.kind == "PT_GNU_RELRO" for s in elf.segments)
    stack = next((s for s in elf.segments if s.kind == "PT_GNU_STACK"), None)
    return NativeFacts(
        interpreter=_interpreter(image),
        needed=needed,
        versions=versions,
        soname=soname,
        tls=TlsSegment(tls.memsz, tls.filesz, tls.align) if tls is not None else None,
        tls_symbols=_tls_symbols(symtab),
        relro="none" if not relro else "full" if bind_now else "partial",
        exec_stack=stack is not None and bool(stack.flags & 1),
        pie=elf.dynamic and (pie or _interpreter(image) is not None),
    )


def _interpreter(image: Image) -> str | None:
    segment = next((s for s in image.elf.segments if s.kind == "PT_INTERP" and s.filesz), None)
    if segment is None:
        return None
    raw = bytes(image.buffer[segment.offset : segment.offset + min(segment.filesz, 4096)])
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace") or None


class _Strings:
    """The dynamic string table, as pyelftools wants one."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._base = dynamic_tags(image).get(DT_STRTAB, 0)

    def get_string(self, offset: int) -> str:
        return self._image.cstring(self._base + offset)


def _dynamic(image: Image, file: ELFFile) -> tuple[tuple[str, ...], str | None, bool, bool]:
    segment = next((s for s in image.elf.segments if s.kind == "PT_DYNAMIC" and s.filesz), None)
    if segment is None:
        return (), None, False, False
    # Not DynamicSegment: that reads every section first, hash tables included.
    reader: Any = Dynamic(file.stream, file, _Strings(image), segment.offset, empty=False)
    needed: list[str] = []
    soname, bind_now, pie = None, False, False
    for tag in islice(reader.iter_tags(), MAX_TAGS):
        kind = tag.entry.d_tag
        if kind == "DT_NEEDED":
            needed.append(tag.needed)
        elif kind == "DT_SONAME":
            soname = tag.soname
        elif kind == "DT_BIND_NOW":
            bind_now = True
        elif kind == "DT_FLAGS":
            bind_now |= bool(tag.entry.d_val & DF_BIND_NOW)
        elif kind == "DT_FLAGS_1":
            bind_now |= bool(tag.entry.d_val & DF_1_NOW)
            pie |= bool(tag.entry.d_val & DF_1_PIE)
    return tuple(needed), soname, bind_now, pie


def _versions(image: Image, file: ELFFile) -> tuple[SymbolVersion, ...]:
    for index, section in enumerate(image.elf.sections):
        if section.kind != 0x6FFFFFFE or not section.flags & SHF_ALLOC:
            continue
        if section.info > section.size // 16 or section.size > 1 << 20:
            raise MalformedElf(
                "the table of needed versions has an impossible count", subject=image.path, offset=section.offset
            )
        reader: Any = file.get_section(index)
        if not isinstance(reader, GNUVerNeedSection):
            continue
        out = []
        for library, entries in reader.iter_versions():
            for entry in entries:
                out.append(SymbolVersion(str(library.name)[:4096], str(entry.name)[:4096]))
                if len(out) > MAX_VERSIONS:
                    raise MalformedElf("the table of needed versions does not end", subject=image.path)
        return tuple(sorted(set(out), key=lambda v: (v.library, v.version)))
    return ()


def _tls_symbols(symtab: SymbolTable | None) -> tuple[str, ...]:
    if symtab is None:
        return ()
    return tuple(sorted(set(symtab.names((symtab.kind == STT_TLS).nonzero()[0]))))


def read_build_ids(image: Image) -> tuple[str | None, str | None]:
    """The Go build id and the GNU build id (hex) from the notes; None for one that is absent.

    Notes are walked here: pyelftools follows sizes in a note's body for as long as the file goes on.
    """
    go = gnu = None
    for segment in image.elf.segments:
        if segment.kind != "PT_NOTE" or not 0 < segment.filesz <= MAX_NOTES_SIZE:
            continue
        position, stop = segment.offset, segment.offset + segment.filesz
        while position + 12 <= stop:
            namesz, descsz, kind = struct.unpack_from("<III", image.buffer, position)  # Elf64_Nhdr
            body = position + 12 + (namesz + 3 & ~3)
            name = bytes(image.buffer[position + 12 : position + 12 + namesz])
            position = body + (descsz + 3 & ~3)
            if position > stop:
                break
            text = bytes(image.buffer[body : body + descsz])
            if (name, kind) == (b"GNU\0", NT_GNU_BUILD_ID):
                gnu = text.hex()
            elif (name, kind) == (b"Go\0\0", NT_GO_BUILD_ID):
                go = text.rstrip(b"\0").decode("utf-8", "replace")
    return go or None, gnu or None

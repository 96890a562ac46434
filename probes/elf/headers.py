"""The headers of an ELF file: file header, sections and segments.

Counts and places are checked against the file's size before they are followed.
"""

from __future__ import annotations

import itertools

from msgspec import Struct

from probes.elf.raw_headers import (
    EHDR_SIZE,
    PHDR_SIZE,
    SHDR_SIZE,
    SHT_NOBITS,
    Ehdr,
    read_ehdr,
    read_phdrs,
    read_shdrs,
    typed_errors,
)
from probes.elf.source import Source
from probes.errors import MalformedElf, NotElf

MAX_SECTIONS = 4096
MAX_SEGMENTS = 512
MAX_NAME = 256
PAGE = 4096
MAX_MAPPINGS = 4
"""How often one byte of the file may be mapped, on average. Segments share a page at their ends, no more."""

ET_EXEC = 2
ET_DYN = 3

MACHINES = {62: "amd64", 183: "arm64"}
OTHER_MACHINES = {2: "SPARC", 3: "386", 8: "MIPS", 20: "PPC", 21: "PPC64", 22: "S390", 40: "ARM", 43: "SPARCV9"}
OTHER_MACHINES |= {50: "IA_64", 243: "RISCV", 247: "BPF", 258: "LOONGARCH"}

OS_ABIS = {0: "SYSV", 2: "NETBSD", 3: "LINUX", 6: "SOLARIS", 9: "FREEBSD", 12: "OPENBSD"}
SEGMENTS = {0: "NULL", 1: "LOAD", 2: "DYNAMIC", 3: "INTERP", 4: "NOTE", 5: "SHLIB", 6: "PHDR", 7: "TLS"}
SEGMENTS |= {0x6474E550: "GNU_EH_FRAME", 0x6474E551: "GNU_STACK", 0x6474E552: "GNU_RELRO", 0x6474E553: "GNU_PROPERTY"}

SHF_WRITE = 1
SHF_ALLOC = 2
SHF_EXECINSTR = 4
PF_X = 1
PF_W = 2


class Section(Struct, frozen=True):
    """One section header (Elf64_Shdr); `kind` is sh_type as a number."""

    name: str
    kind: int
    flags: int
    addr: int
    offset: int
    size: int
    link: int
    info: int
    entsize: int


class Segment(Struct, frozen=True):
    """One program header (Elf64_Phdr); `kind` is p_type's name, a number in hexadecimal where it has none here."""

    kind: str
    flags: int
    offset: int
    vaddr: int
    filesz: int
    memsz: int
    align: int


class Elf(Struct, frozen=True):
    """The headers of one file. `arch` is Go's name of the machine."""

    path: str
    arch: str
    dynamic: bool
    """e_type is ET_DYN: the image can be loaded anywhere."""
    entry: int
    os_abi: str
    sections: tuple[Section, ...]
    segments: tuple[Segment, ...]

    def section(self, *names: str) -> Section | None:
        """The first section that has one of `names`, in the order of `names`."""
        for name in names:
            for section in self.sections:
                if section.name == name:
                    return section
        return None


def open_elf(source: Source) -> Elf:
    """Read and check the headers of `source`.

    Raises:
        NotElf: not ELF, or not 64-bit little-endian amd64 or arm64.
        MalformedElf: headers that contradict each other or the file's size.
    """
    _check_ident(source)
    with typed_errors(source.path, "ELF header"):
        header = read_ehdr(source.buffer)
        arch = MACHINES.get(header.machine)
        if arch is None:
            raise NotElf(
                f"unsupported machine {OTHER_MACHINES.get(header.machine, header.machine)}",
                subject=source.path,
                hint="hotgate reads amd64 and arm64 programs",
            )
        if header.type not in {ET_EXEC, ET_DYN}:
            raise NotElf(
                "not a linked program or shared object",
                subject=source.path,
                hint="pass the linked program, not an object file or a core dump",
            )
        os_abi = source.buffer[7]
        sections = _sections(source, header)
        segments = _segments(source, header)
        return Elf(
            path=source.path,
            arch=arch,
            dynamic=header.type == ET_DYN,
            entry=header.entry,
            os_abi=f"ELFOSABI_{OS_ABIS.get(os_abi, os_abi)}",
            sections=sections,
            segments=segments,
        )


def _check_ident(source: Source) -> None:
    ident = bytes(source.buffer[:20])
    if ident[:4] != b"\x7fELF":
        hint = "pass the program itself, not its wrapper script" if ident[:2] == b"#!" else "pass a Linux program"
        raise NotElf("not an ELF file", subject=source.path, hint=hint)
    if source.size < EHDR_SIZE:
        raise MalformedElf("truncated ELF header", subject=source.path, hint="build or copy the file again")
    if ident[4] != 2:
        raise NotElf("32-bit ELF file", subject=source.path, hint="hotgate reads 64-bit programs")
    if ident[5] != 1:
        raise NotElf("big-endian ELF file", subject=source.path, hint="hotgate reads little-endian programs")


def _sections(source: Source, header: Ehdr) -> tuple[Section, ...]:
    table, count, size = header.shoff, header.shnum, header.shentsize
    if table == 0:
        return ()
    if size != SHDR_SIZE or count > MAX_SECTIONS or table + count * size > source.size:
        raise MalformedElf(
            "section headers lie outside of the file", subject=source.path, offset=table, hint=_TRUNCATED
        )
    raw = read_shdrs(source.buffer, table, count)
    names = b""
    if header.shstrndx < count:
        strings = raw[header.shstrndx]
        if strings.type != SHT_NOBITS and strings.offset + strings.size > source.size:
            raise MalformedElf(
                f"the file ends too early: it has {source.size:,} bytes, and its section names lie behind them",
                subject=source.path,
                offset=strings.offset,
                hint="it was cut off, by a copy or a full disk: compare its size with the original's and copy it again",
            )
        names = bytes(source.buffer[strings.offset : strings.offset + min(strings.size, 1 << 20)])
    out = []
    for index, entry in enumerate(raw):
        section = Section(
            name=_name(names, entry.name),
            kind=entry.type,
            flags=entry.flags,
            addr=entry.addr,
            offset=entry.offset,
            size=entry.size,
            link=entry.link,
            info=entry.info,
            entsize=entry.entsize,
        )
        if section.kind not in {0, SHT_NOBITS} and section.offset + section.size > source.size:
            raise MalformedElf(
                f"section {section.name or f'number {index}, which has no name,'} ends beyond the end of the file",
                subject=source.path,
                offset=section.offset,
                hint=_TRUNCATED,
            )
        out.append(section)
    return tuple(out)


_TRUNCATED = "the file is damaged or truncated; build or copy it again"


def _name(names: bytes, offset: int) -> str:
    end = names.find(b"\0", offset, offset + MAX_NAME)
    return names[offset:end].decode("utf-8", "replace") if end >= 0 else ""


def _segments(source: Source, header: Ehdr) -> tuple[Segment, ...]:
    table, count, size = header.phoff, header.phnum, header.phentsize
    if table == 0 or count == 0:
        raise MalformedElf(
            "no program headers", subject=source.path, hint="pass the linked program, not an object or debug file"
        )
    if size != PHDR_SIZE or count > MAX_SEGMENTS or table + count * size > source.size:
        raise MalformedElf(
            "program headers lie outside of the file", subject=source.path, offset=table, hint=_TRUNCATED
        )
    out = []
    for index, phdr in enumerate(read_phdrs(source.buffer, table, count)):
        kind, flags, offset, vaddr, _, filesz, memsz, align = phdr
        name = f"PT_{SEGMENTS.get(kind) or hex(kind)}"
        segment = Segment(name, flags, offset, vaddr, filesz, memsz, align)
        if segment.filesz and segment.offset + segment.filesz > source.size:
            raise MalformedElf(
                f"segment {index} ends beyond the end of the file",
                subject=source.path,
                offset=segment.offset,
                hint=_TRUNCATED,
            )
        if segment.kind == "PT_LOAD" and (segment.filesz > segment.memsz or segment.vaddr + segment.memsz >= 1 << 63):
            raise MalformedElf(f"segment {index} has impossible sizes", subject=source.path, hint=_TRUNCATED)
        out.append(segment)
    _check_loads(source, out)
    return tuple(out)


def _check_loads(source: Source, segments: list[Segment]) -> None:
    """No two loaded segments share an address; together they do not map the file many times over."""
    loads = sorted((s for s in segments if s.kind == "PT_LOAD"), key=lambda s: s.vaddr)
    for segment in loads:
        if (segment.vaddr - segment.offset) % PAGE:
            raise MalformedElf(
                f"the segment at address {segment.vaddr:#x} cannot be mapped: its offset is not congruent",
                subject=source.path,
                offset=segment.offset,
                hint=_TRUNCATED,
            )
    for before, after in itertools.pairwise(loads):
        if before.vaddr + before.memsz > after.vaddr:
            raise MalformedElf(
                f"two segments overlap at address {after.vaddr:#x}", subject=source.path, hint=_TRUNCATED
            )
    if sum(s.filesz for s in loads) > MAX_MAPPINGS * source.size:
        raise MalformedElf("segments map the file many times over", subject=source.path, hint=_TRUNCATED)

"""A shared object without Go in it, as the facts of a binary: what is Go's is absent, not unknown."""

from __future__ import annotations

from probes.elf.facts import NativeFacts
from probes.elf.image import Image
from probes.elf.source import Source
from probes.elf.symbols import SymbolTable
from probes.go.facts import SHARED, BinaryFacts, TableHealth

NO_TABLE = TableHealth(layout="none", obfuscated=False, unverifiable=None)
NOT_GO = "it is a shared object without Go in it"

SYSTEMS = {"ELFOSABI_FREEBSD": "freebsd", "ELFOSABI_NETBSD": "netbsd", "ELFOSABI_OPENBSD": "openbsd"}


def shared_object(image: Image, native: NativeFacts | None) -> bool:
    """Whether the file is for loading beside a program. Some libraries, libc among them, can be started as well."""
    if not image.elf.dynamic or not any(s.kind == "PT_DYNAMIC" for s in image.elf.segments):
        return False
    return native is None or native.soname is not None or not native.pie


def foreign_facts(  # noqa: PLR0913, PLR0917 - what `load` has read so far
    source: Source,
    image: Image,
    symtab: SymbolTable | None,
    native: NativeFacts | None,
    native_problem: str | None,
    gnu_build_id: str | None,
) -> BinaryFacts:
    """The facts of a shared object in another language than Go."""
    elf = image.elf
    return BinaryFacts(
        path=source.path,
        size=source.size,
        sha256=source.sha256,
        arch=elf.arch,
        os=SYSTEMS.get(elf.os_abi, "linux"),
        linkage=SHARED,
        go_version=None,
        build=None,
        build_problem=NOT_GO,
        go_build_id=None,
        gnu_build_id=gnu_build_id,
        native=native,
        native_problem=native_problem,
        stripped=symtab is None,
        has_dwarf=elf.section(".debug_info", ".zdebug_info") is not None,
        cgo=False,
        health=NO_TABLE,
        initialisers=None,
        fips=None,
        functions=None,
        module=None,
        image=image,
        symtab=symtab,
    )

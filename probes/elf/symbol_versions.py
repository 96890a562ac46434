"""Symbol versions: what an image needs (DT_VERNEED), what it defines (DT_VERDEF), by index.

Sources: the Linux Standard Base on symbol versions; glibc `elf/elf.h` for the flags.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from msgspec import Struct

from probes.elf.image import Image
from probes.errors import MalformedElf

MAX_VERSIONS = 10_000

DT_STRTAB = 5
DT_VERDEF, DT_VERDEFNUM, DT_VERNEED, DT_VERNEEDNUM = 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF
VER_FLG_BASE, VER_FLG_WEAK = 1, 2


class NeededVersion(Struct, frozen=True):
    """One entry of DT_VERNEED. `weak`: the loader goes on without it. `index` is that of .gnu.version."""

    library: str
    version: str
    weak: bool
    index: int


def needed_versions(image: Image, tags: dict[int, int]) -> Iterator[NeededVersion]:
    """The needed versions: a chain of libraries, each with a chain of versions.

    Raises:
        MalformedElf, MalformedTable: a chain does not end, or leads outside of the image.
    """
    strings = tags.get(DT_STRTAB, 0)
    address, libraries = tags.get(DT_VERNEED, 0), tags.get(DT_VERNEEDNUM, 0)
    steps = 0
    while address and libraries:
        _, versions, file, aux, following = struct.unpack("<HHIII", image.bytes(address, 16).tobytes())  # Elf64_Verneed
        library = image.cstring(strings + file)
        at = address + aux
        for _ in range(versions):
            _, flags, other, name, step = struct.unpack("<IHHII", image.bytes(at, 16).tobytes())  # Elf64_Vernaux
            yield NeededVersion(library, image.cstring(strings + name), bool(flags & VER_FLG_WEAK), other & 0x7FFF)
            at += step
            steps += 1
            if not step or steps > MAX_VERSIONS:
                break
        address = address + following if following else 0
        libraries -= 1
        steps += 1
        if steps > MAX_VERSIONS:
            raise MalformedElf("the table of needed versions does not end", subject=image.path)


def defined_versions(image: Image, tags: dict[int, int]) -> dict[int, str]:
    """The versions that the image itself defines, by index; its own name (VER_FLG_BASE) is none of them.

    Raises:
        MalformedElf, MalformedTable: the chain does not end, or leads outside of the image.
    """
    strings = tags.get(DT_STRTAB, 0)
    address, left = tags.get(DT_VERDEF, 0), tags.get(DT_VERDEFNUM, 0)
    found: dict[int, str] = {}
    for _ in range(MAX_VERSIONS):
        if not address or not left:
            return found
        raw = image.bytes(address, 20).tobytes()
        _, flags, index, _, _, aux, following = struct.unpack("<HHHHIII", raw)  # Elf64_Verdef
        if not flags & VER_FLG_BASE:
            # The first Elf64_Verdaux has the version's own name; those after it are its parents.
            found[index & 0x7FFF] = image.cstring(strings + image.u32(address + aux))
        address = address + following if following else 0
        left -= 1
    raise MalformedElf("the table of defined versions does not end", subject=image.path)

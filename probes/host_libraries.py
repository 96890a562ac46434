"""Shared libraries of this host: the loader's cache, and the symbol versions that each library defines.

Source of the cache format: glibc `sysdeps/generic/dl-cache.h`, `struct cache_file_new` ("glibc-ld.so.cache1.1").
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from probes.errors import MalformedTable, ProbeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CACHE = "/etc/ld.so.cache"
MAX_CACHE_BYTES = 64 << 20
MAX_LIBRARIES = 8192
MAX_LIBRARY_BYTES = 1 << 30

MAGIC_OLD = b"ld.so-1.7.0"
MAGIC = b"glibc-ld.so.cache1.1"
HEADER = struct.Struct("<20sIIB3xI12x")  # magic, nlibs, len_strings, flags, extension_offset
ENTRY = struct.Struct("<iIIIQ")  # flags, key, value, osversion_unused, hwcap
ELF_LIBC6 = {"amd64": 0x0303, "arm64": 0x0A03}  # FLAG_X8664_LIB64 | FLAG_ELF_LIBC6, FLAG_AARCH64_LIB64 | ...

DEFAULT_FOLDERS = ("/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib")
MULTIARCH = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}


def read_libraries(arch: str) -> dict[str, tuple[str, ...]]:
    """Every shared library that the loader of `arch` finds: soname -> the versions it defines, sorted.

    Falls back to the loader's default folders where there is no usable cache (musl). Libraries that cannot be read
    are left out.
    """
    paths = _cached(arch) or dict(_walk(_folders(arch)))
    found = {}
    for soname in sorted(paths)[:MAX_LIBRARIES]:
        versions = defined_versions(paths[soname])
        if versions is not None:
            found[soname] = versions
    return found


def read_needed(arch: str, sonames: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Of `sonames`, those that the loader of `arch` finds, as `read_libraries` has them: quick for a few.

    One with a slash in it is a path, as it is for the loader.
    """
    cached = _cached(arch)
    found = {}
    for soname in dict.fromkeys(sonames):
        places = [f"{folder}/{soname}" for folder in _folders(arch)]
        candidates = [soname] if "/" in soname else [cached[soname]] if soname in cached else places
        path = next((each for each in candidates if os.path.isfile(each)), None)  # noqa: PTH113 - no object needed
        versions = None if path is None else _versions_of(path)
        if versions is not None:
            found[soname] = versions
    return found


def _versions_of(path: str) -> tuple[str, ...] | None:
    """`defined_versions`, with what `hotgate check` has imported anyway: 20 ms less for the first library."""
    from probes.elf.headers import open_elf  # noqa: PLC0415 - numpy, and `inspect --host` has no use for it
    from probes.elf.image import Image  # noqa: PLC0415
    from probes.elf.relocations import dynamic_tags  # noqa: PLC0415
    from probes.elf.source import read_source  # noqa: PLC0415
    from probes.elf.symbol_versions import defined_versions as read_versions  # noqa: PLC0415

    try:
        source = read_source(path)
        image = Image(open_elf(source), source.buffer, source.data)
        return tuple(sorted(set(read_versions(image, dynamic_tags(image)).values())))
    except ProbeError:
        return None


def _folders(arch: str) -> tuple[str, ...]:
    """Where the loader looks without a cache; Debian has folders of its own for each architecture."""
    own = [f"/{place}/{MULTIARCH[arch]}" for place in ("lib", "usr/lib") if arch in MULTIARCH]
    return (*own, *DEFAULT_FOLDERS)


def _cached(arch: str) -> dict[str, str]:
    """What the loader's cache has for `arch`; empty where there is no usable cache."""
    try:
        with Path(CACHE).open("rb") as file:
            return parse_cache(file.read(MAX_CACHE_BYTES), arch)
    except (OSError, MalformedTable):
        return {}


def parse_cache(data: bytes, arch: str) -> dict[str, str]:
    """The libraries in a loader cache that are of `arch`: soname -> path, the loader's own choice first.

    Raises:
        MalformedTable: the magic is missing, or a count or offset leads outside of `data`.
    """
    base = 0
    if data.startswith(MAGIC_OLD):  # an old-format cache comes first: 16 bytes, 12 an entry, then aligned to 8
        if len(data) < 16:
            raise MalformedTable("loader cache ends in its header", subject=CACHE)
        base = (16 + 12 * int.from_bytes(data[12:16], "little") + 7) & ~7
    if len(data) < base + HEADER.size or data[base : base + len(MAGIC)] != MAGIC:
        raise MalformedTable("not a loader cache", subject=CACHE, offset=base)
    _, count, _, _, _ = HEADER.unpack_from(data, base)
    if base + HEADER.size + count * ENTRY.size > len(data):
        raise MalformedTable("loader cache names more entries than it holds", subject=CACHE, offset=base)
    found: dict[str, str] = {}
    for index in range(count):
        flags, key, value, _, _ = ENTRY.unpack_from(data, base + HEADER.size + index * ENTRY.size)
        if flags == ELF_LIBC6.get(arch):
            found.setdefault(_string(data, base + key), _string(data, base + value))
    return found


def _string(data: bytes, offset: int) -> str:
    end = data.find(b"\0", offset) if offset < len(data) else -1
    if end < 0:
        raise MalformedTable("loader cache string leads outside of the file", subject=CACHE, offset=offset)
    return os.fsdecode(data[offset:end])


def _walk(folders: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for folder in reversed(folders):  # an earlier folder wins: it comes last and overwrites
        try:
            with os.scandir(folder) as entries:
                yield from ((entry.name, entry.path) for entry in entries if ".so" in entry.name)
        except OSError:
            continue


def defined_versions(path: str) -> tuple[str, ...] | None:
    """The symbol versions that the library at `path` defines, sorted; None when it is no readable ELF file."""
    from elftools.common.exceptions import ELFError  # noqa: PLC0415 - slow import, only on demand
    from elftools.elf.elffile import ELFFile  # noqa: PLC0415
    from elftools.elf.gnuversions import GNUVerDefSection  # noqa: PLC0415

    try:
        if os.stat(path).st_size > MAX_LIBRARY_BYTES:  # noqa: PTH116
            return None
        with Path(path).open("rb") as file:
            section = ELFFile(file).get_section_by_name(".gnu.version_d")
            if not isinstance(section, GNUVerDefSection):
                return ()
            # Flag 1 is VER_FLG_BASE: the library's own name, not a version.
            names = {next(aux).name for version, aux in section.iter_versions() if not version["vd_flags"] & 1}
    except (OSError, ELFError, ValueError, KeyError, StopIteration, struct.error):
        return None
    return tuple(sorted(names))

"""What a Go plugin asks of the program that loads it: its own path, and the digests of its packages.

Source: runtime/plugin.go (plugin_lastmoduleinit), runtime/symtab.go (moduledata, modulehash), unchanged from Go 1.21 to
1.27: `pluginpath` and `pkghashes` lie before `inittasks`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from msgspec import Struct

from probes.elf.dynamic_symbols import read_dynamic_symbols
from probes.elf.image import Image
from probes.elf.relocations import dynamic_tags
from probes.errors import MalformedTable
from probes.go.module.moduledata import ModuleData

PLUGINPATH, PKGHASHES = -40, -24  # from moduledata.inittasks
MODULEHASH = np.dtype(
    [
        ("modulename", "<u8"),  # 0, runtime.modulehash
        ("modulename_len", "<u8"),  # 8
        ("linktimehash", "<u8"),  # 16
        ("linktimehash_len", "<u8"),  # 24
        ("runtimehash", "<u8"),  # 32
    ]
)
MAX_PACKAGES = 1 << 14
MAX_PATH, MAX_HASH = 1024, 64


class PluginFacts(Struct, frozen=True):
    """`path` as the linker wrote it (`%2e` for a dot); `packages`: import path -> digest in hex, as it was linked."""

    path: str
    packages: Mapping[str, str]


def read_plugin(image: Image, module: ModuleData) -> PluginFacts | None:
    """The plugin's own path and packages; None for a plugin of a Go release before 1.21.

    Raises:
        MalformedTable: they lead outside of the image.
    """
    if module.layout.inittasks is None:
        return None
    base = module.address + module.layout.inittasks
    pointer, length = image.u64s(base + PLUGINPATH, 2).tolist()
    hashes, count = image.u64s(base + PKGHASHES, 2).tolist()
    if count > MAX_PACKAGES:
        raise MalformedTable(f"a plugin of {count:,} packages", subject=image.path)
    rows = np.frombuffer(image.bytes(hashes, count * MODULEHASH.itemsize).tobytes() if count else b"", dtype=MODULEHASH)
    packages = {}
    for name, name_len, digest, digest_len, _ in rows.tolist():
        raw = _string(image, digest, digest_len, MAX_HASH)
        packages[_string(image, name, name_len, MAX_PATH).decode("utf-8", "replace")] = raw.hex()
    return PluginFacts(_string(image, pointer, length, MAX_PATH).decode("utf-8", "replace"), packages)


def _string(image: Image, address: int, length: int, limit: int) -> bytes:
    if length > limit:
        raise MalformedTable(f"a name of {length:,} bytes", subject=image.path)
    return image.bytes(address, length).tobytes() if length else b""


PKGHASH = ("go:link.pkghash.", "go.link.pkghash.")
"""Names of the digests that a program which can load plugins exports, each a string (cmd/link/internal/ld/symtab.go)."""


def read_loader(image: Image) -> Mapping[str, str] | None:
    """The packages of a program that can load plugins: import path -> digest in hex; None for one that cannot.

    Raises:
        MalformedTable: a table or a digest is outside of the image.
    """
    dynamic = read_dynamic_symbols(image, dynamic_tags(image))
    if dynamic is None:
        return None
    table = dynamic.table
    rows = np.flatnonzero(table.section != 0)
    out: dict[str, str] = {}
    for name, address in zip(table.names(rows), table.value[rows].tolist(), strict=True):
        if name.startswith(PKGHASH):
            pointer, length = image.u64s(address, 2).tolist()
            out[name.partition(".pkghash.")[2]] = _string(image, pointer, length, MAX_HASH).hex()
    return out or None

"""The binaries of `testdata/binaries`: what they are, and the files unpacked."""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parent.parent
BINARIES = ROOT / "testdata" / "binaries"
UNPACKED = ROOT / ".cache" / "fixtures"


@dataclass(frozen=True, slots=True)
class Entry:
    """One binary of the manifest: how it was built and what it is, uncompressed."""

    name: str
    go_version: str
    goos: str
    goarch: str
    buildmode: str
    cgo: bool
    package: str
    flags: tuple[str, ...]
    env: dict[str, str]
    stripped: bool
    c_toolchain: str | None
    sha256: str
    size: int

    @property
    def minor(self) -> int:
        """27 for go1.27.3."""
        return int(self.go_version.split(".")[1])

    @property
    def path(self) -> Path:
        """The file, unpacked at the first use; several processes may ask at once."""
        return unpack(self.name)

    def __str__(self) -> str:
        return self.name


@cache
def entries() -> tuple[Entry, ...]:
    """All binaries of the manifest, in its order."""
    document = json.loads((BINARIES / "manifest.json").read_text(encoding="utf-8"))
    return tuple(Entry(**{**entry, "flags": tuple(entry["flags"])}) for entry in document["binaries"])


def select(
    *,
    stripped: bool | None = None,
    goarch: str | None = None,
    buildmode: str | None = None,
    cgo: bool | None = None,
    minor: int | None = None,
) -> list[Entry]:
    """The entries with these properties, for `pytest.mark.parametrize`."""
    wanted = {"stripped": stripped, "goarch": goarch, "buildmode": buildmode, "cgo": cgo, "minor": minor}
    return [e for e in entries() if all(v is None or getattr(e, k) == v for k, v in wanted.items())]


def quick(entries: Iterable[Entry]) -> list[Any]:
    """Parameters of a test: the first binary of each Go, architecture and build mode for `make test`; the rest for `make test-all`."""
    seen = set[object]()
    out: list[Any] = []
    for entry in sorted(entries, key=lambda entry: -entry.minor):
        kinds = {entry.minor, entry.goarch, entry.buildmode}
        out.append(pytest.param(entry, marks=pytest.mark.long) if kinds <= seen else entry)
        seen |= kinds
    return out


@cache
def unpack(name: str) -> Path:
    """The path of the binary `name` of the manifest.

    Raises:
        KeyError: when the manifest has no such binary.
        AssertionError: when the file is not what the manifest says.
    """
    entry = {entry.name: entry for entry in entries()}[name]
    target = UNPACKED / entry.sha256[:16] / name
    if not target.is_file():
        content = lzma.decompress((BINARIES / f"{name}.xz").read_bytes())
        assert hashlib.sha256(content).hexdigest() == entry.sha256, f"{name}.xz is not what the manifest says"
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(scratch).chmod(0o755)
        Path(scratch).replace(target)
    return target

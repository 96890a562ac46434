"""Builds the two sides of an edit in one configuration, and what the oracle says about them.

Everything is kept in `.cache/groundtruth/<toolchain>/<configuration>/` and only built again when sources, toolchain
or flags are others.
"""

from __future__ import annotations

import fcntl
import gzip
import shutil
import subprocess
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.programs.gobuild import CACHE, GO_CACHE, ONE_LIBRARY, GoBuild, can_build_cgo, go_version
from tests.groundtruth import listing
from tests.groundtruth.edits import Edit

if TYPE_CHECKING:
    from collections.abc import Iterator

CORPUS = CACHE / "groundtruth"
_LISTED = "example.com/..."


@dataclass(frozen=True, slots=True)
class Config:
    """One way to build: `exe-nocgo-stripped-amd64`."""

    buildmode: str
    cgo: bool
    stripped: bool
    goarch: str

    @property
    def name(self) -> str:
        return f"{self.family}-{'stripped' if self.stripped else 'full'}-{self.goarch}"

    @property
    def family(self) -> str:
        return f"{self.buildmode}-{'cgo' if self.cgo else 'nocgo'}"

    @property
    def buildable(self) -> bool:
        """False when the C compiler that it needs is not installed."""
        return not self.cgo or can_build_cgo(self.goarch)


CONFIGS = tuple(
    Config(buildmode, cgo, stripped, goarch)
    for goarch in ("amd64", "arm64")
    for buildmode in ("exe", "pie")
    for cgo in (False, True)
    for stripped in (False, True)
)


@dataclass(frozen=True, slots=True)
class Case:
    """The two binaries of an edit, and the truth about them."""

    edit: Edit
    config: Config
    old: Path
    new: Path
    truth: listing.Truth


@dataclass(frozen=True, slots=True)
class _Side:
    full: Path
    stripped: Path
    printed: Path


def case(edit: Edit, config: Config, goroot: Path) -> Case:
    """Build both sides if they are not there, and work out the truth.

    Raises:
        BuildFailed: from the toolchain.
        AssertionError: when the oracle misses what the edit is known to do.
    """
    plain = Edit("base" if not edit.elsewhere else "base-with-paths", "as it is", source=edit.source)
    old = _side(plain, config, goroot, keep_paths=edit.elsewhere)
    new = _side(edit, config, goroot, keep_paths=edit.elsewhere)
    truth = listing.truth(
        _listing(old.printed),
        _listing(new.printed),
        set(linked(old.full, goroot)),
        set(linked(new.full, goroot)),
        edit.renames,
    )
    missed = set(edit.touches) - set(truth.changed)
    assert not missed, f"{edit.name} in {config.name}: the oracle does not see {sorted(missed)}"
    assert not (edit.silent and truth.items()), f"{edit.name} in {config.name}: the oracle sees {truth.items()}"
    pick = "stripped" if config.stripped else "full"
    return Case(edit, config, getattr(old, pick), getattr(new, pick), truth)


def _side(edit: Edit, config: Config, goroot: Path, *, keep_paths: bool) -> _Side:
    folder = CORPUS / go_version(goroot) / f"{config.family}-{config.goarch}"
    stem = f"{edit.source.name}.{edit.name}"
    side = _Side(folder / f"{stem}.full", folder / f"{stem}.stripped", folder / f"{stem}.S.gz")
    with _locked(folder):
        build = _build(edit, config, goroot, keep_paths=keep_paths)
        marker = folder / f"{stem}.key"
        key = build.key()
        if not (marker.is_file() and marker.read_text(encoding="utf-8") == key):
            printed = build.run(side.full, flags=(f"-gcflags={_LISTED}=-S=2",))
            side.printed.write_bytes(gzip.compress(printed.encode(), 1))
            # The listing is an option of the compiler and thus part of the build's identity: both links have it.
            build.run(side.stripped, flags=(f"-gcflags={_LISTED}=-S=2", "-ldflags=-s -w"))
            marker.write_text(key, encoding="utf-8")
    return side


def _build(edit: Edit, config: Config, goroot: Path, *, keep_paths: bool) -> GoBuild:
    """Lay the edited files out, and say how to build with them."""
    source, overlay = edit.source, {}
    if edit.elsewhere:
        source = CORPUS / "another" / "folder" / "altogether" / edit.source.name
        shutil.copytree(edit.source, source, dirs_exist_ok=True)
    for name, text in edit.files().items():
        # go build takes the text from here and the name from the module; cgo wants the suffix.
        path = CORPUS / "overlays" / edit.source.name / edit.name / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        overlay[Path(name)] = path
    return GoBuild(
        goroot=goroot,
        source=source,
        buildmode=config.buildmode,
        goarch=config.goarch,
        cgo=config.cgo,
        flags=("-trimpath=false",) if keep_paths else (),
        overlay=overlay,
    )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time build in `folder`; tests run in several."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@lru_cache(maxsize=8)
def _listing(printed: Path) -> listing.Listing:
    return listing.parse(gzip.decompress(printed.read_bytes()).decode().splitlines())


def linked(binary: Path, goroot: Path) -> Counter[str]:
    """The names of the functions that `go tool nm` finds in an unstripped binary, with how many have each."""
    done = subprocess.run(
        [goroot / "bin" / "go", "tool", "nm", str(binary)],
        env={
            "GOROOT": str(goroot), "GOTOOLCHAIN": "local", "GOFLAGS": ONE_LIBRARY, "PATH": "/usr/bin:/bin",
            "HOME": str(CORPUS), "GOCACHE": str(GO_CACHE),
        },
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    names: Counter[str] = Counter()
    for line in done.stdout.splitlines():
        kind, _, name = line[line.find(" ", len(line) - len(line.lstrip())) + 1 :].partition(" ")
        if kind in "Tt":
            names[name] += 1
    return names

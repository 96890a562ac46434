"""Builds the binaries in `testdata/binaries` from our own source with every toolchain, and checks that they reproduce.

Without arguments every file of the matrix is built again and its digest held against `manifest.json`; `--write`
replaces the files and the manifest. What the C linker made depends on the C toolchain too, which the manifest names.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from scripts.programs.gobuild import CROSS_CC, ROOT, BuildFailed, GoBuild, can_build_cgo, source_digest
from scripts.programs.toolchains import VERSIONS, goroot

SOURCE = ROOT / "testdata" / "programs" / "fixture"
BINARIES = ROOT / "testdata" / "binaries"
MANIFEST = BINARIES / "manifest.json"
SIZE_LIMIT = 20_000_000

_SYMBOLS, _STRIPPED, _DWARF = "-ldflags=-w", "-ldflags=-s -w", ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One file of the matrix."""

    version: str
    goarch: str
    mode: str
    cgo: bool
    package: str
    ldflags: str

    @property
    def name(self) -> str:
        """`go1.27-amd64-pie-cgo-stripped`."""
        minor = ".".join(self.version.split(".")[:2])
        parts = [f"go{minor}", self.goarch, self.mode]
        parts += ["cgo"] if self.cgo and self.mode in ("exe", "pie") else []
        parts += {_STRIPPED: ["stripped"], _DWARF: ["dwarf"]}.get(self.ldflags, [])
        return "-".join(parts)

    def build(self) -> GoBuild:
        """The build that makes it.

        Raises:
            BuildFailed: when the toolchain cannot be had.
        """
        return GoBuild(
            goroot=goroot(self.version),
            source=SOURCE,
            package=self.package,
            buildmode=self.mode,
            goarch=self.goarch,
            cgo=self.cgo,
            flags=("-trimpath", *([self.ldflags] if self.ldflags else [])),
        )


def _matrix() -> list[Recipe]:
    """All modes for the releases that changed a layout (and the one before), fewer for the others."""
    by_minor = {".".join(version.split(".")[:2]): version for version in VERSIONS}

    def recipes(minors: str, goarch: str, mode: str, *, cgo: bool = False, ldflags: str = _SYMBOLS) -> list[Recipe]:
        package = {"c-shared": "shared", "plugin": "plugin"}.get(mode, "native" if cgo else "plain")
        return [
            Recipe(by_minor[minor], goarch, mode, cgo, f"./cmd/{package}", ldflags)
            for minor in (by_minor if minors == "all" else minors.split())
        ]

    return [
        *recipes("all", "amd64", "exe"),
        *recipes("1.19 1.21 1.25 1.26 1.27", "amd64", "exe", ldflags=_STRIPPED),
        *recipes("1.27", "amd64", "exe", ldflags=_DWARF),
        *recipes("1.19 1.21 1.25 1.26 1.27", "amd64", "pie"),
        *recipes("1.19 1.21 1.25 1.26 1.27", "amd64", "pie", cgo=True),
        *recipes("1.25 1.26 1.27", "amd64", "pie", cgo=True, ldflags=_STRIPPED),
        *recipes("1.25 1.27", "amd64", "exe", cgo=True),
        *recipes("1.25 1.26 1.27", "amd64", "c-shared", cgo=True),
        *recipes("1.25 1.27", "amd64", "plugin", cgo=True),
        *recipes("1.21 1.25 1.26 1.27", "arm64", "exe"),
        *recipes("1.25 1.27", "arm64", "pie"),
        *recipes("1.25 1.27", "arm64", "pie", cgo=True),
    ]


MATRIX_WITHOUT_DWARF = [recipe for recipe in _matrix() if recipe.ldflags == _SYMBOLS]
"""The unstripped fixtures; a stripped one has the same types as its twin."""


def entries() -> list[dict[str, object]]:
    """The entries of the manifest as it is; empty when there is none."""
    if not MANIFEST.is_file():
        return []
    found: list[dict[str, object]] = json.loads(MANIFEST.read_text(encoding="utf-8"))["binaries"]
    return found


def c_toolchain(goarch: str) -> str:
    """What the C compiler for `goarch` calls itself."""
    compiler = CROSS_CC.get(goarch, "gcc")
    done = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.partition("\n")[0]


def _entry(recipe: Recipe, content: bytes) -> dict[str, object]:
    build = recipe.build()
    return {
        "name": recipe.name,
        "go_version": f"go{recipe.version}",
        "goos": "linux",
        "goarch": recipe.goarch,
        "buildmode": recipe.mode,
        "cgo": recipe.cgo,
        "package": recipe.package,
        "flags": list(build.flags),
        "env": {"CGO_ENABLED": "1" if recipe.cgo else "0", "GOFLAGS": "", **build.env},
        "stripped": recipe.ldflags == _STRIPPED,
        "c_toolchain": c_toolchain(recipe.goarch) if recipe.cgo else None,
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
    }


def _compressed(content: bytes, goarch: str) -> bytes:
    filters: list[dict[str, int]] = [{"id": lzma.FILTER_X86}] if goarch == "amd64" else []
    filters.append({"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME})
    return lzma.compress(content, format=lzma.FORMAT_XZ, filters=filters)


def main() -> int:
    """Build the matrix; compare with the manifest, or replace it."""
    parser = argparse.ArgumentParser(description="build the binary fixtures and check that they reproduce")
    parser.add_argument("--write", action="store_true", help="replace the files and the manifest")
    parser.add_argument("--only", metavar="TEXT", default="", help="only files whose name contains TEXT")
    options = parser.parse_args()
    digest = source_digest(SOURCE)
    known = {str(entry["name"]): entry for entry in entries()}
    made: dict[str, dict[str, object]] = {}
    tally = {"same": 0, "differs": 0, "new": 0, "left out": 0, "failed": 0}
    with tempfile.TemporaryDirectory() as scratch:
        for recipe in _matrix():
            if options.only not in recipe.name:
                continue
            outcome, entry = _make(recipe, Path(scratch), known.get(recipe.name), write=options.write)
            tally[outcome.partition(":")[0]] += 1
            print(f"{recipe.name:<36} {outcome}", flush=True)
            if entry is not None:
                made[recipe.name] = entry
    if options.write:
        _write_manifest(known | made, digest)
    elif MANIFEST.is_file() and json.loads(MANIFEST.read_text(encoding="utf-8"))["source_sha256"] != digest:
        print("the sources have changed since the binaries were written: --write replaces them", file=sys.stderr)
    print(", ".join(f"{count} {what}" for what, count in tally.items() if count))
    return int(bool(tally["failed"] or (not options.write and (tally["differs"] or tally["new"]))))


def _make(
    recipe: Recipe, scratch: Path, known: dict[str, object] | None, *, write: bool
) -> tuple[str, dict[str, object] | None]:
    """Build one file: the outcome in words, and its new entry."""
    if recipe.cgo and not can_build_cgo(recipe.goarch):
        return f"left out: no C compiler for {recipe.goarch} (apt-get install gcc-aarch64-linux-gnu)", None
    out = scratch / recipe.name
    try:
        recipe.build().run(out)
    except BuildFailed as exc:
        return f"failed: {exc}", None
    content = out.read_bytes()
    out.unlink()
    entry = _entry(recipe, content)
    target = BINARIES / f"{recipe.name}.xz"
    same = known is not None and known["sha256"] == entry["sha256"]
    if write and not (same and target.is_file()):
        BINARIES.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_compressed(content, recipe.goarch))
    if same:
        return "same", entry
    if known is None:
        return f"new: {target.stat().st_size if target.is_file() else len(content)} bytes", entry
    if known["c_toolchain"] != entry["c_toolchain"]:
        return f"differs: C toolchain {entry['c_toolchain']}, the manifest has {known['c_toolchain']}", entry
    return "differs: same toolchains, other bytes", entry


def _write_manifest(written: dict[str, dict[str, object]], digest: str) -> None:
    names = [recipe.name for recipe in _matrix() if recipe.name in written]
    for stale in BINARIES.glob("*.xz"):
        if stale.stem not in names:
            stale.unlink()
    total = sum(path.stat().st_size for path in BINARIES.glob("*.xz"))
    document = {"source_sha256": digest, "binaries": [written[name] for name in names]}
    MANIFEST.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"{len(names)} files, {total / 1e6:.1f} MB compressed")
    if total > SIZE_LIMIT:
        print(f"warning: more than {SIZE_LIMIT / 1e6:.0f} MB", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())

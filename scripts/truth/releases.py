"""The comparison on real releases: public programs, each at two adjacent versions, held against the compiler's listing.

`go install MODULE@VERSION` fetches and builds them into `.cache/releases`; nothing of them is in the repository. Every
function that was missed or made up is named, with what the report says of it. Exits 1 when recall is below 1.0 or
precision below 0.998 on any pair.
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scripts.programs.gobuild import CACHE, FEW_COLLECTIONS, BuildFailed, go_version, require_go
from scripts.programs.toolchains import goroot
from tests.groundtruth import listing, releases
from tests.groundtruth.corpus import linked
from tests.groundtruth.score import drift_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from probes.drift.facts import FunctionDrift

FOLDER = CACHE / "releases"
WANTED_RECALL = 1.0
WANTED_PRECISION = 0.998
OTHER_GO = "1.27.3"
SHOWN = 20
"""Names of one kind that are printed for a pair."""

# What is read of a listing: the heads of symbols, their bytes, their relocations; no instructions, no DWARF.
_KEPT = re.compile(rb"^(?:[^\t#].* S[A-Z]+(?: [a-z]+)* size=|\t0x[0-9a-f]{4,} (?:[0-9a-f]{2} )|\trel )")
_DWARF = re.compile(rb" SDWARF[A-Z]+ ")


@dataclass(frozen=True, slots=True)
class Pair:
    """A public program at two adjacent versions; `about` says what it stands for."""

    name: str
    package: str
    old: str
    new: str
    about: str
    cgo: bool = False


PAIRS = (
    Pair("esbuild", "github.com/evanw/esbuild/cmd/esbuild", "v0.27.2", "v0.27.3", "a compiler, hardly any module"),
    Pair("nats-server", "github.com/nats-io/nats-server/v2", "v2.15.1", "v2.15.2", "a message server"),
    Pair("sql-migrate", "github.com/rubenv/sql-migrate/sql-migrate", "v1.8.0", "v1.8.1", "SQLite in C", cgo=True),
    Pair("node_exporter", "github.com/prometheus/node_exporter", "v1.11.1", "v1.12.1", "a service, cgo", cgo=True),
    Pair("grpcurl", "github.com/fullstorydev/grpcurl/cmd/grpcurl", "v1.9.3", "v1.9.4", "generated from .proto files"),
    Pair("staticcheck", "honnef.co/go/tools/cmd/staticcheck", "v0.8.1", "v0.8.2", "many generic functions"),
    Pair("badger", "github.com/dgraph-io/badger/v4/badger", "v4.9.5", "v4.9.6", "a key-value store, generic"),
    Pair("litestream", "github.com/benbjohnson/litestream/cmd/litestream", "v0.5.16", "v0.5.17",
         "a service, SQLite generated from C, cgo", cgo=True),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Built:
    """One version, built by one toolchain."""

    full: Path
    stripped: Path
    listing: Path


def build(pair: Pair, version: str, root: Path) -> Built:
    """Fetch and build a version, once.

    Raises:
        BuildFailed: with what the toolchain said.
    """
    folder = FOLDER / go_version(root) / f"{pair.name}-{version}"
    name = "nats-server" if pair.package.endswith("/v2") else pair.package.rpartition("/")[2]
    built = Built(folder / "full" / name, folder / "stripped" / name, folder / "listing.gz")
    done = folder / "done"
    if not done.is_file():
        for each, flags, kept in (
            (built.full, (), built.listing),
            (built.stripped, ("-ldflags=-s -w",), None),
        ):
            each.parent.mkdir(parents=True, exist_ok=True)
            _install(pair, version, root, each.parent, flags, kept)
        done.touch()
    return built


def _install(  # noqa: PLR0913, PLR0917 - one thing to run
    pair: Pair, version: str, root: Path, target: Path, flags: tuple[str, ...], kept: Path | None
) -> None:
    # The listing is an option of the compiler and thus part of the build's identity: both links have it.
    argv = [str(root / "bin" / "go"), "install", "-trimpath", "-gcflags=all=-S=2", "-asmflags=all=-S", *flags]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("GO", "CGO_"))}
    env |= {name: os.environ[name] for name in ("GOPROXY", "GONOSUMDB", "GOSUMDB") if name in os.environ}
    env |= FEW_COLLECTIONS | {
        "GOROOT": str(root),
        "PATH": f"{root / 'bin'}{os.pathsep}{env.get('PATH', os.defpath)}",
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-modcacherw",
        "GOBIN": str(target),
        "GOCACHE": str(FOLDER / "gocache"),
        "GOMODCACHE": str(FOLDER / "modules"),
        "CGO_ENABLED": "1" if pair.cgo else "0",
    }
    said: list[bytes] = []
    symbols = Symbols()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        subprocess.Popen([*argv, f"{pair.package}@{version}"], env=env, stderr=subprocess.PIPE, cwd=FOLDER) as process,
        gzip.open(kept or os.devnull, "wb", 1) as out,
    ):
        assert process.stderr is not None  # noqa: S101 - it is a pipe
        for line in process.stderr:
            if _KEPT.match(line):
                if kept and symbols(line):
                    out.write(line)
            elif not line.startswith(b"\t"):
                said = [*said[-20:], line]
    if process.returncode:
        raise BuildFailed(f"{' '.join(argv)} {pair.package}@{version}\n{b''.join(said).decode('utf-8', 'replace')}")


class Symbols:
    """Tells, line by line, which of a listing belong to symbols of the program, and not to DWARF."""

    def __init__(self) -> None:
        self._skipped = False

    def __call__(self, line: bytes) -> bool:
        """Whether the line is one to read."""
        if not _KEPT.match(line):
            return False
        if not line.startswith(b"\t"):
            self._skipped = _DWARF.search(line) is not None
        return not self._skipped


def _lines(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        for line in file:
            yield line.rstrip("\n")


def truth(pair: Pair, root: Path) -> tuple[Built, Built, releases.Truth]:
    """Both versions, and what the listings say of them."""
    old, new = build(pair, pair.old, root), build(pair, pair.new, root)
    real = releases.truth(
        listing.parse(_lines(old.listing)),
        listing.parse(_lines(new.listing)),
        linked(old.full, root),
        linked(new.full, root),
    )
    return old, new, real


def run(pairs: list[Pair], roots: list[Path], *, verbose: bool) -> int:
    """Print a table, and every disagreement under its row."""
    bad = 0
    print(
        f"{'program':<14} {'Go':<7} {'build':<8} {'functions':>9} {'wanted':>6} {'missed':>6} {'report':>6} {'false':>5}",
        end="",
    )
    print(f" {'recall':>7} {'precision':>9} {'seconds':>7}")
    for pair in pairs:
        for root in roots:
            try:
                old, new, real = truth(pair, root)
            except BuildFailed as exc:
                print(f"{pair.name:<14} {go_version(root):<7} not built: {str(exc)[-600:]}")
                bad += 1
                continue
            for kind in ("full", "stripped"):
                begun = time.perf_counter()
                drift, _ = drift_of(getattr(old, kind), getattr(new, kind))
                took = time.perf_counter() - begun
                result = releases.score(drift, real, stripped=kind == "stripped")
                bad += result.recall < WANTED_RECALL or result.precision < WANTED_PRECISION
                print(
                    f"{pair.name:<14} {go_version(root):<7} {kind:<8} {real.same:>9} {result.wanted:>6}"
                    f" {result.missed.total():>6} {result.reported:>6} {result.false.total():>5}"
                    f" {result.recall:>7.4f} {result.precision:>9.4f} {took:>7.1f}",
                    flush=True,
                )
                for line in _explained(drift, result, SHOWN if not verbose else 1 << 30):
                    print(f"    {line}")
    return int(bad > 0)


def _explained(drift: FunctionDrift, result: releases.Score, most: int) -> Iterator[str]:
    """Each disagreement, with what the report says of the function."""
    said: dict[str, list[str]] = {}
    for change in drift.changed:
        name = releases.shown(change.name) if change.package != "C" else f"C: {change.name}"
        said.setdefault(name, []).append(f"changed ({change.kind}): {change.detail}")
    for what, functions in (("added", drift.added), ("removed", drift.removed)):
        for each in functions:
            said.setdefault(releases.shown(each.name), []).append(what)
    for rename in drift.renamed:
        for name in {releases.shown(rename.old), releases.shown(rename.new)}:
            said.setdefault(name, []).append(f"renamed: {rename.old} -> {rename.new}")
    for doubt in drift.doubtful:
        said.setdefault(releases.shown(doubt.name), []).append(f"in doubt: {doubt.detail}")
    undecided = {releases.shown(name) for name in drift.undecided}
    for what, names in (("missed", result.missed), ("false", result.false)):
        for name, count in sorted(names.items())[:most]:
            told = "; ".join(dict.fromkeys(said.get(name, ()))) or (
                "undecided" if name in undecided else "not reported"
            )
            yield f"{what} {name}{f' ({count} times)' if count > 1 else ''}: {told}"
        if len(names) > most:
            yield f"{what}: {len(names) - most} more (-v shows them)"


def main() -> int:
    """Parse the arguments, fetch, build, compare, print."""
    parser = argparse.ArgumentParser(description="the comparison on real releases, against the compiler's listing")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only this program; repeatable")
    parser.add_argument("--toolchain", action="append", default=[], metavar="VERSION", help="of Go; repeatable")
    parser.add_argument("--list", action="store_true", help="list the programs")
    parser.add_argument("-v", "--verbose", action="store_true", help="every name")
    arguments = parser.parse_args()
    pairs = [pair for pair in PAIRS if pair.name in (arguments.only or (pair.name,))]
    if not pairs:
        print("error: no such program; --list shows them", file=sys.stderr)
        return 2
    if arguments.list:
        print(*(f"{pair.name:<14} {pair.old} {pair.new}  {pair.about}" for pair in pairs), sep="\n")
        return 0
    try:
        roots = [goroot(version) for version in arguments.toolchain] or [require_go(), goroot(OTHER_GO)]
        return run(pairs, roots, verbose=arguments.verbose)
    except BuildFailed as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())

"""Holds what we read from public, mostly stripped binaries against Go's own readers.

Function names, entries and lines against `debug/gosym` (a small Go program in `testdata/oracle/gosym`), build
information against `go version -m`. Exits 1 when anything differs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from probes.errors import ProbeError
from probes.go import load
from scripts.fetch.public_binaries import BINARIES, NotFetched, by_name, fetch
from scripts.programs.gobuild import CACHE, ROOT, BuildFailed, GoBuild, host_arch, require_go
from tests.oracle import gotools

if TYPE_CHECKING:
    from pathlib import Path

    from probes.go.facts import BinaryFacts
    from probes.go.table.functions import FuncTable


@dataclass(slots=True)
class Result:
    """What was compared in one binary, and the differences in words."""

    functions: int = 0
    lines: int = 0
    differences: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def gosym_reader(goroot: Path) -> Path:
    """Build the reader with this toolchain.

    Raises:
        BuildFailed: from the toolchain.
    """
    out = CACHE / "oracle" / "gosym"
    GoBuild(goroot=goroot, source=ROOT / "testdata" / "oracle" / "gosym", goarch=host_arch()).run(out)
    return out


def compare(path: Path, reader: Path, goroot: Path) -> Result:
    """Compare one binary.

    Raises:
        ProbeError: when we cannot read it.
        BuildFailed: when Go's reader cannot.
    """
    facts = load(str(path))
    result = Result()
    if facts.functions is None:
        result.differences.append(f"we read no functions: {facts.health.unverifiable}")
    else:
        _compare_functions(facts.functions, path, reader, result)
    try:
        expected = gotools.build_info(goroot, path)
    except subprocess.CalledProcessError as exc:
        result.notes.append(
            f"Go reads no build information ({exc.stderr.strip().rpartition(': ')[2]}), we {facts.go_version}"
        )
    else:
        _compare_build(facts, expected, result)
    return result


def _compare_functions(table: FuncTable, path: Path, reader: Path, result: Result) -> None:
    done = subprocess.run([reader, path], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildFailed(done.stderr.strip())
    ours = dict(zip(table.entry.tolist(), table.names, strict=True))
    theirs: dict[int, str] = {}
    # A name or a file can hold any character but these.
    for line in done.stdout.split("\n"):
        kind, *values = line.split("\t")
        if kind == "F":
            theirs[int(values[0])] = values[2]
        elif kind == "L":
            pc, file, number = int(values[0]), values[1], int(values[2])
            index = table.find(pc)
            if index >= 0 and table.names[index].startswith("go:"):
                continue  # the linker's own functions have no tables of lines
            result.lines += 1
            if table.line(pc) != (file, number):
                result.differences.append(f"line of {pc:#x}: {table.line(pc)}, Go reads {file}:{number}")
    result.functions = len(theirs)
    for entry in sorted(ours.keys() ^ theirs.keys()):
        result.differences.append(f"function at {entry:#x}: {ours.get(entry)}, Go reads {theirs.get(entry)}")
    for entry in ours.keys() & theirs.keys():
        if ours[entry] != theirs[entry]:
            result.differences.append(f"name at {entry:#x}: {ours[entry]}, Go reads {theirs[entry]}")


def _compare_build(facts: BinaryFacts, expected: gotools.BuildInfo, result: Result) -> None:
    if facts.go_version != expected.go_version:
        result.differences.append(f"Go version {facts.go_version}, Go reads {expected.go_version}")
    if facts.build is None:
        if expected.path:
            result.differences.append(f"no build information ({facts.build_problem}), Go reads {expected.path}")
        return
    pairs = [
        ("path", facts.build.path, expected.path),
        ("settings", facts.build.settings, expected.settings),
        (
            "modules",
            [(m.path, m.version, m.sum, m.replace and m.replace.path) for m in facts.build.deps],
            [(m.path, m.version, m.sum, m.replace and m.replace.path) for m in expected.deps or []],
        ),
    ]
    result.differences += [f"{what}: {ours}, Go reads {theirs}" for what, ours, theirs in pairs if ours != theirs]


def main() -> int:
    """Fetch, compare and print one line for each binary."""
    parser = argparse.ArgumentParser(description="compare our reading of public binaries with Go's own")
    parser.add_argument("names", nargs="*", metavar="NAME")
    names = parser.parse_args().names or [binary.name for binary in BINARIES]
    try:
        goroot = require_go()
        reader = gosym_reader(goroot)
    except BuildFailed as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    wrong = 0
    for name in names:
        try:
            result = compare(fetch(by_name(name)), reader, goroot)
        except NotFetched as exc:
            print(f"{name:<22} left out: {exc}")
            continue
        except (BuildFailed, ProbeError) as exc:
            wrong += 1
            print(f"{name:<22} failed: {exc}")
            continue
        wrong += bool(result.differences)
        verdict = f"{len(result.differences)} differences" if result.differences else "same"
        print(f"{name:<22} {result.functions:>7} functions {result.lines:>8} lines  {verdict}", flush=True)
        print("".join(f"    {text[:300]}\n" for text in [*result.differences[:8], *result.notes]), end="")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())

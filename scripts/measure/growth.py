"""Does a comparison take time and memory in proportion to the programs and to what changed in them?

Builds one program at six sizes, from some 6 to 230 MB, and a second version of each in which every tenth package was
edited, so that two functions in a hundred changed and nothing stayed where it was; and one size with ever more edits. The
packages are the same at all sizes, so that each is compiled once. Reports CPU time of all processes, for wall time depends
on what else the machine does, and the peak of the largest process; fails when either grows faster than the programs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.programs.gobuild import CACHE, BuildFailed, GoBuild, host_arch, require_go

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAMS = CACHE / "growth"
SIZES = (40, 110, 280, 560, 1120, 2240)
"""Packages of the program; the last one has some 230 MB."""
EDITED = (1, 8, 28, 70, 140, 280)
"""Packages that are edited in the program of `FIXED` packages."""
FIXED = 280
EVERY = 10
"""Of the sizes, one package in so many is edited."""
FUNCTIONS = 60
CHANGED = 12
"""Functions of a package, and those of them that an edit changes."""
ROUNDS = 3
STEEPEST = 1.4
"""By how much more than in proportion time and memory may grow between the third size and the last one. References are sorted,
which takes n log n: 1.2 of what is in proportion there; and what no cache holds any more takes longer."""
NOTHING = 0.25
"""Growth from the first measure to the last one that is not looked at."""

_BASE = """package base

// Sink keeps what would be optimised away.
var Sink []any

// Keep takes a value.
func Keep(value any) { Sink = append(Sink, value) }
"""
_HEAD = """package %(package)s

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"example.com/growth/base"
)

var errEmpty = errors.New("%(package)s: nothing to do")
var limits = map[string]int{"%(package)s-small": 3, "%(package)s-large": 4096}
var Counted int
"""
_TYPES = """
type Record%(n)d struct {
	ID    int
	Name  string
	Tags  []string
	Next  *Record%(n)d
	Price float64
	Notes map[string]int
}

type Keeper%(n)d interface {
	Keep%(n)d(record *Record%(n)d, count int) (int, error)
	Describe%(n)d() string
}

var known%(n)d = []Record%(n)d{{ID: %(a)d, Name: "%(package)s known %(n)d"}, {ID: %(b)d, Tags: []string{"a%(a)d", "b%(b)d"}}}
"""
_FUNCTIONS = (
    """
func (r *Record%(n)d) Keep%(k)d(record *Record%(n)d, count int) (int, error) {
	if record == nil || count > %(a)d {
		return 0, fmt.Errorf("%(package)s: %%d of %%q: %%w", count, r.Name, errEmpty)
	}
	for i, tag := range record.Tags {
		switch {
		case strings.HasPrefix(tag, "%(package)s-%(k)d"):
			r.Notes[tag] += i * %(b)d
		case len(tag) > %(c)d:
			r.Tags = append(r.Tags, strings.ToUpper(tag[:%(c)d]))
		default:
			record.ID ^= i << %(d)d
		}
	}
	r.Next, record.Price = record, record.Price*%(e)d/%(b)d
	return len(r.Tags) + r.ID, nil
}
""",
    """
func Sorted%(k)d(values []int, scale int) (total int, text string) {
	ordered := append([]int(nil), values...)
	sort.Slice(ordered, func(i, j int) bool { return ordered[i]*%(b)d%%%(a)d < ordered[j]*%(b)d%%%(a)d })
	for _, value := range ordered {
		if value %% %(c)d == 0 {
			total += value * scale
			continue
		}
		total -= value + %(e)d
	}
	Counted++
	return total, "%(package)s " + strconv.Itoa(total+limits["%(package)s-large"])
}
""",
    """
func Walk%(k)d(first *Record%(n)d, seen map[string]*Record%(n)d) error {
	depth := 0
	visit := func(name string) bool { depth++; return depth < %(a)d && seen[name] == nil }
	for at := first; at != nil; at = at.Next {
		if !visit(at.Name) {
			return errors.Join(errEmpty, fmt.Errorf("%(k)d: record %%s at depth %%d", at.Name, depth+%(b)d))
		}
		seen[at.Name] = at
		var keeper Keeper%(n)d
		base.Keep(keeper)
		base.Keep(known%(n)d[depth%%len(known%(n)d)])
	}
	return nil
}
""",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison: megabytes and functions of OLD, functions that changed, CPU seconds, and the peak in megabytes."""

    megabytes: float
    functions: int
    changed: int
    seconds: float
    peak: float

    def __str__(self) -> str:
        return (
            f"{self.megabytes:>8.0f} MB {self.functions:>9,} {self.changed:>9,} {self.seconds:>8.2f} s"
            f" {self.peak:>7.0f} MB {self.seconds / self.functions * 1e6:>8.1f} {self.peak / self.megabytes:>6.1f}"
        )


def package(number: int, *, edited: bool) -> str:
    """The source of a package, the same for a number; an edit changes `CHANGED` of its functions and adds one."""
    rng = random.Random(number)  # noqa: S311 - no secret, but the same with every run
    name = f"p{number:04}"
    out = [_HEAD % {"package": name}]

    def values(at: int) -> dict[str, object]:
        a, b, c, d, e = (
            rng.randint(40, 4000),
            rng.randint(3, 99),
            rng.randint(2, 30),
            rng.randint(1, 7),
            rng.randint(100, 999),
        )
        return {"package": name, "k": at, "n": at // 6, "a": a, "b": b, "c": c, "d": d, "e": e}

    out += [_TYPES % {**values(at), "n": at} for at in range(FUNCTIONS // 6)]
    for at in range(FUNCTIONS):
        known = values(at)
        if edited and at % (FUNCTIONS // CHANGED) == 0:
            known["b"] = int(str(known["b"])) + 1000
        out.append(_FUNCTIONS[at % len(_FUNCTIONS)] % known)
    if edited:
        out.append(_FUNCTIONS[1] % values(FUNCTIONS))
    calls = [f"Sorted{at}" for at in range(1, FUNCTIONS + (3 if edited else 0), 3) if at <= FUNCTIONS]
    calls = [f"\tbase.Keep({call})\n" for call in calls]
    walks = [f"\tbase.Keep(Walk{at})\n\tbase.Keep((*Record{at // 6}).Keep{at - 2})\n" for at in range(2, FUNCTIONS, 3)]
    out.append(f"\n// Use keeps all of the package.\nfunc Use() {{\n{''.join(calls + walks)}}}\n")
    return "".join(out)


def build(packages: int, edited: set[int], goroot: Path, target: Path) -> Path:
    """The program of so many packages, of which some are edited.

    Raises:
        BuildFailed: from the toolchain.
    """
    if target.is_file():
        return target
    source = PROGRAMS / "source"
    for number in range(packages):
        _write(source / f"p{number:04}" / "package.go", package(number, edited=number in edited))
    _write(source / "base" / "base.go", _BASE)
    _write(source / "go.mod", "module example.com/growth\n\ngo 1.21\n")
    names = [f"p{number:04}" for number in range(packages)]
    imports = "".join(f'\t"example.com/growth/{name}"\n' for name in names)
    uses = "".join(f"\t{name}.Use()\n" for name in names)
    _write(source / "main.go", f"package main\n\nimport (\n{imports})\n\nfunc main() {{\n{uses}}}\n")
    GoBuild(goroot=goroot, source=source, goarch=host_arch(), flags=("-trimpath", "-ldflags=-s -w")).run(target)
    return target


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")


def measure(old: Path, new: Path, rounds: int) -> Row:
    """Compare a pair so many times.

    Raises:
        BuildFailed: the check failed.
    """
    report = PROGRAMS / "report.json"
    launcher = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py"))]
    command = [*launcher, str(Path(sys.executable).with_name("hotgate")), "check", str(old), str(new)]
    command += ["--format", "json", "--output", f"json={report}"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    seconds, peaks = [], []
    for _ in range(rounds):
        report.unlink(missing_ok=True)
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode or not report.is_file():
            raise BuildFailed(f"hotgate check {old} {new}: {done.stderr[-300:]}")
        _, kibibytes, _, used = done.stderr.split()[-4:]
        seconds.append(float(used))
        peaks.append(int(kibibytes) / 1024)
    functions = json.loads(report.read_text("utf-8"))["drift"]["functions"]
    size = old.stat().st_size / 1e6
    return Row(size, functions["old"], len(functions["changed"]), statistics.median(seconds), max(peaks))


def steepness(sizes: Sequence[float], values: Sequence[float]) -> float:
    """How much of a value each unit of size costs between the third measure and the last one, as a multiple of what it costs up to the third.

    1 where a value grows in proportion, whatever there is of it without any size; above 1 where it grows faster.
    """
    early = (values[2] - values[0]) / (sizes[2] - sizes[0])
    return (values[-1] - values[2]) / (sizes[-1] - sizes[2]) / early


def main() -> int:
    """Build, measure, print both tables."""
    parser = argparse.ArgumentParser(description="time and memory of a check by the size of the programs")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--largest", type=int, default=SIZES[-1], metavar="PACKAGES", help="leave larger programs out")
    options = parser.parse_args()
    head = f"{'size':>11} {'functions':>9} {'changed':>9} {'CPU':>10} {'peak':>10} {'µs/func':>8} {'x size':>6}"
    try:
        goroot = require_go()
        sizes: list[Row] = []
        print(f"one package in {EVERY} edited\n{head}", flush=True)
        for packages in (size for size in SIZES if size <= options.largest):
            old = build(packages, set(), goroot, PROGRAMS / f"{packages}-old")
            new = build(packages, set(range(0, packages, EVERY)), goroot, PROGRAMS / f"{packages}-new")
            sizes.append(measure(old, new, options.rounds))
            print(sizes[-1], flush=True)
        changes: list[Row] = []
        print(f"more and more packages of {FIXED} edited\n{head}", flush=True)
        old = build(FIXED, set(), goroot, PROGRAMS / f"{FIXED}-old")
        for count in EDITED:
            new = build(FIXED, set(range(0, FIXED, FIXED // count)), goroot, PROGRAMS / f"{FIXED}-new-{count}")
            changes.append(measure(old, new, options.rounds))
            print(changes[-1], flush=True)
    except BuildFailed as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    steep = False
    for what, rows in (("functions", sizes), ("changed functions", changes)):
        size = [row.functions if rows is sizes else row.changed for row in rows]
        for name, values in (("time", [row.seconds for row in rows]), ("memory", [row.peak for row in rows])):
            times = steepness(size, values)
            # What hardly grows at all cannot be steep, and its differences are chance.
            bad = times > STEEPEST and values[-1] > values[0] * (1 + NOTHING)
            steep |= bad
            print(f"{name} by {what}: {times:.2f} of what is in proportion{', too steep' if bad else ''}")
    return int(steep)


if __name__ == "__main__":
    sys.exit(main())

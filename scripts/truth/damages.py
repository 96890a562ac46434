"""Damages what the Go runtime reads before main, runs the damaged programs, and asks hotgate about those that die.

`make damages`: 1,000 damages on each of three Go releases. A program that dies before its main must not pass with
`--require integrity`, and hardly ever without. Everything runs in a temporary folder; a program prints one line and ends.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gate.policy.model import Policy
from gate.runs.comparison import check
from probes.go import load
from scripts.programs.gobuild import BuildFailed, GoBuild, require_go
from scripts.programs.toolchains import goroot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from probes.go.facts import BinaryFacts

PROGRAM = """package main

import (
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
)

type shape interface{ area() int }
type square struct{ side int }

func (s square) area() int { return s.side * s.side }

var shapes = map[string]shape{"a": square{1}, "b": square{2}}
var errNone = errors.New("none")

func main() {
	os.Stdout.WriteString("in main\\n")
	keys := make([]string, 0)
	for key := range shapes {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	fmt.Println(strings.Join(keys, ","), errNone)
}
"""
RELEASES = ("1.25.5", "", "1.27.3")
"""With the newest one here, ""."""
NUMBER = 1000
TIMEOUT = 10.0
WANTED = 0.02
"""The share of those that die before main which may pass where integrity is not required."""


@dataclass(frozen=True, slots=True)
class Damage:
    """`raw` is written at `offset` of the file; `where`: the part of it."""

    where: str
    offset: int
    raw: bytes

    def apply(self, data: bytes) -> bytes:
        """The damaged file."""
        return data[: self.offset] + self.raw + data[self.offset + len(self.raw) :]


def parts(facts: BinaryFacts) -> dict[str, tuple[int, int]]:
    """Offset and size in the file of what the runtime reads before main."""
    image = facts.image
    found = [(name, address, size) for name, address, size in _places(facts) if size > 0 and image.span(address)]
    out = {name: (image.offset(address, size), size) for name, address, size in found}
    loader = {".init_array", ".tdata", ".dynamic", ".got", ".got.plt"}
    return out | {s.name: (s.offset, s.size) for s in image.elf.sections if s.name in loader and s.size and s.kind != 8}


def _places(facts: BinaryFacts) -> Iterator[tuple[str, int, int]]:
    """Name, address and size of each part."""
    module, image = facts.module, facts.image
    if module is None:
        raise BuildFailed(f"no module data in {facts.path}")
    yield "module data", module.address, module.size
    yield "pcHeader", module.header, 72
    yield "ftab", module.ftab.ptr, min(module.ftab.len, 1000) * module.layout.table.ftab.itemsize
    if module.itablinks.len:
        yield "itab links", module.itablinks.ptr, module.itablinks.len * 8
        yield "itabs", image.u64(module.itablinks.ptr), 32 * module.itablinks.len
    yield "itabs", module.itabs[0], module.itabs[1] - module.itabs[0]
    yield "type links", module.typelinks.ptr, module.typelinks.len * 4
    if module.inittasks is not None and module.inittasks.len:
        yield "list of initialisers", module.inittasks.ptr, module.inittasks.len * 8
        for task in image.u64s(module.inittasks.ptr, min(2, module.inittasks.len)).tolist():
            yield f"initialiser {task:#x}", task, 8 + 8 * image.u32(task + 4)
    for name, (start, end) in zip(("noptrdata", "data"), module.data, strict=True):
        yield name, start, end - start
    yield "pointer mask of data", module.gcdata, 256
    yield "pointer mask of bss", module.gcbss, 64


def damages(facts: BinaryFacts, number: int, seed: int) -> Iterator[Damage]:
    """`number` damages, the same for the same seed: a few bytes, mostly of one word, of any part."""
    rng = random.Random(seed)  # noqa: S311 - the same damages for the same seed
    found = parts(facts)
    names = sorted(found)
    data = bytes(facts.image.buffer)
    while number:
        name = rng.choice(names)
        start, size = found[name]
        length = min(rng.choice((1, 1, 2, 4, 8, 8)), size)
        offset = start + rng.randrange(size - length + 1)
        old = data[offset : offset + length]
        raw = rng.choice(
            (
                rng.randbytes(length),
                bytes(length),
                b"\xff" * length,
                bytes(b ^ 1 << rng.randrange(8) for b in old),
                data[offset + 8 : offset + 8 + length],
            )
        )
        if raw != old and len(raw) == length:
            yield Damage(name, offset, raw)
            number -= 1


def dies(path: Path) -> bool:
    """Whether the program ends, or hangs, before its main has said anything."""
    try:
        done = subprocess.run([path], capture_output=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired as exc:
        return b"in main" not in (exc.stdout or b"")
    except OSError:
        return True
    return b"in main" not in done.stdout


def passes(old: Path, new: Path, *, integrity: bool) -> bool:
    """Whether hotgate lets the update pass."""
    policy = Policy().with_flags(require=("functions", "build", "integrity") if integrity else ())
    try:
        return check(str(old), str(new), policy).verdict == "pass"
    except Exception as exc:  # what cannot be read at all passes nothing
        from probes.errors import ProbeError  # noqa: PLC0415

        if isinstance(exc, ProbeError):
            return False
        raise


def build(release: str, folder: Path) -> Path:
    """The program, built by a Go release ("" for the newest one here)."""
    source = folder / "source"
    source.mkdir(parents=True, exist_ok=True)
    (source / "go.mod").write_text("module example.com/damaged\n\ngo 1.21\n", "utf-8")
    (source / "main.go").write_text(PROGRAM, "utf-8")
    root = goroot(release) if release else require_go()
    out = folder / f"program-{release or 'newest'}"
    GoBuild(root, source, flags=("-trimpath", "-ldflags=-s -w")).run(out)
    return out


@dataclass(slots=True)
class Result:
    """Counts of one release, and the damages that killed and passed, by whether integrity was required."""

    tried: int
    dead: Counter[str]
    passed: list[Damage]
    passed_required: list[Damage]


def run(program: Path, number: int, seed: int, folder: Path) -> Result:
    """Try `number` damages of `program`."""
    data = program.read_bytes()
    facts = load(str(program))
    result = Result(0, Counter(), [], [])
    new = folder / "damaged"
    for damage in damages(facts, number, seed):
        result.tried += 1
        new.unlink(missing_ok=True)
        new.write_bytes(damage.apply(data))
        new.chmod(0o755)
        if not dies(new):
            continue
        result.dead[damage.where.partition(" 0x")[0]] += 1
        if passes(program, new, integrity=False):
            result.passed.append(damage)
        if passes(program, new, integrity=True):
            result.passed_required.append(damage)
    return result


def main() -> int:
    """Parse the arguments, run, print a line a release."""
    parser = argparse.ArgumentParser(description="damage what the runtime reads before main, and see what passes")
    parser.add_argument("--number", type=int, default=NUMBER)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--toolchain", action="append", default=[], metavar="VERSION")
    parser.add_argument("-v", "--verbose", action="store_true", help="list the damages that pass")
    options = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for release in options.toolchain or RELEASES:
            try:
                program = build(release, folder)
            except BuildFailed as exc:
                print(f"error: {exc}", file=sys.stderr)
                return 2
            result = run(program, options.number, options.seed, folder)
            dead = result.dead.total()
            share = len(result.passed) / dead if dead else 0.0
            print(
                f"Go {release or 'newest'}: {result.tried} damages, {dead} die before main; pass without integrity: "
                f"{len(result.passed)} ({share:.1%}, at most {WANTED:.0%} wanted), with it: {len(result.passed_required)} "
                "(none wanted)",
                flush=True,
            )
            for damage in result.passed if options.verbose else result.passed_required:
                print(f"    {damage.where}: {damage.raw.hex()} at {damage.offset:#x}")
            bad += share > WANTED or bool(result.passed_required)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())

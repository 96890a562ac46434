"""Totals, flat and cumulative values against `go tool pprof`, of every fixture and every sample type."""

from __future__ import annotations

import re

import numpy as np
import pytest

from probes.go import load
from probes.profile.pprof.reading import read_file
from probes.profile.stacks.names import Names
from probes.profile.stacks.symbolise import symbolise
from probes.profile.stacks.tally import cumulative, flat, stacks
from scripts.programs.gobuild import ROOT
from scripts.programs.hot import build, run
from tests.conftest import first
from tests.oracle.gotools import run_tool

PROFILES = ROOT / "testdata" / "profiles"
UNITS = {"nanoseconds": "ns", "bytes": "B", "count": "auto"}
LINE = re.compile(r"\s*(-?[\d.]+)[a-zA-Z]*\s+\S+%\s+\S+%\s+(-?[\d.]+)[a-zA-Z]*\s+\S+%\s+(.*)")
CASES = [
    (path.name, column)
    for path in sorted(PROFILES.glob("*.pb.gz"))
    for column in range(len(read_file(str(path)).sample_types))
]


def pprof(go, path, column, *flags):
    """`go tool pprof -top` -> function -> (flat, cumulative)."""
    kind = read_file(str(path)).sample_types[column]
    text = run_tool(
        go, "tool", "pprof", "-top", "-nodecount=0", "-nodefraction=0", "-edgefraction=0", "-symbolize=none",
        f"-sample_index={kind.type}", f"-unit={UNITS[kind.unit]}", *flags, str(path),
    )  # fmt: skip
    out: dict[str, tuple[float, float]] = {}
    rows = text.partition("cum%\n")[2].splitlines()
    assert rows
    for row in rows:
        match = LINE.fullmatch(row)
        assert match, row
        name = match[3].removesuffix(" (inline)").removesuffix(" (partial-inline)")
        own, whole = out.get(name, (0.0, 0.0))
        out[name] = own + float(match[1]), whole + float(match[2])
    return {name: pair for name, pair in out.items() if any(pair)}


def ours(profile, column, names):
    found = stacks(profile, names, normalise=False)
    values = profile.values[:, column]
    return flat(found, values, len(names)), cumulative(found, values, len(names))


def named(own, whole, names):
    return {name: (own[row], whole[row]) for row, name in enumerate(names.names) if own[row] or whole[row]}


@pytest.mark.parametrize(("name", "column"), first(5, CASES))
def test_flat_and_cumulative_are_pprofs(go_toolchain, name, column):
    path = PROFILES / name
    names = Names()
    own, whole = ours(read_file(str(path)), column, names)
    assert named(own, whole, names) == pprof(go_toolchain, path, column)


@pytest.mark.parametrize("column", [0, 1])
def test_differences_are_pprofs(go_toolchain, column):
    names = Names()
    base, new = PROFILES / "cpu.pb.gz", PROFILES / "cpu-slower.pb.gz"
    sides = [ours(read_file(str(path)), column, names) for path in (base, new)]
    own, whole = (
        np.pad(after, (0, len(names) - len(after))) - np.pad(before, (0, len(names) - len(before)))
        for before, after in zip(*sides, strict=True)
    )
    assert named(own, whole, names) == pprof(go_toolchain, new, column, f"-diff_base={base}")


def test_the_fixtures_have_recursion_and_inlining():
    profile = read_file(str(PROFILES / "cpu.pb.gz"))
    assert int(np.diff(profile.line_offsets).max()) > 1
    found = stacks(profile, Names(), normalise=False)
    functions, _ = found.members()
    assert functions.size < found.frames.size


def test_symbolising_gives_the_names_that_go_recorded(go_toolchain, tmp_path):
    del go_toolchain
    program = build()
    run(program, tmp_path, "-window", "1s", seconds=30)
    recorded = read_file(str(tmp_path / "000001.pb.gz"))
    bare = type(recorded)(
        **{field: getattr(recorded, field) for field in recorded.__slots__ if field not in ("lines", "line_offsets")},
        lines=np.zeros(0, dtype=np.int32),
        line_offsets=np.zeros_like(recorded.line_offsets),
    )
    again = symbolise(bare, load(str(program), examine=False))
    names = Names()
    expected = stacks(recorded, names)
    found = stacks(again, names)
    text = recorded.mappings[0]
    inside = (recorded.addresses >= text.start) & (recorded.addresses < text.limit)
    assert inside.all()
    assert found.offsets.tolist() == expected.offsets.tolist()
    assert [names.names[row] for row in found.frames] == [names.names[row] for row in expected.frames]

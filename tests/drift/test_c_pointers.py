"""A C table that only a pointer in data leads to, in programs at a fixed place in which nothing moved."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from probes.drift import compare
from probes.go import load
from scripts.programs.gobuild import FEW_COLLECTIONS, can_build_cgo
from tests.conftest import first, missing

if TYPE_CHECKING:
    from pathlib import Path

GO = 'package main\n\n// int pick(int, int);\nimport "C"\nimport "os"\n\nfunc main() { println(C.pick(C.int(len(os.Args)), 6)) }\n'
SOURCE = """struct holder { long tag; const int *table; };
static const int numbers[40] = {1, 2, 3, 4, 5, 6, 7, 8, [39] = 3};
static const struct holder holders[3] = {{11, numbers}, {12, numbers + 8}, {13, 0}};
__attribute__((noinline)) int pick(int i, int j) {
	const struct holder *h = &holders[i % 3];
	return h->table ? h->table[j & 31] + (int)h->tag : 0;
}
"""
FIXED = "-O2 -fno-pie -fno-pic"
BUILDS = {
    "symbols": ((), "", "changed"),
    "stripped pie": (("-buildmode=pie", "-ldflags=-s -w"), "", "changed"),
    # Here a pointer looks like any other number that is the same on both sides.
    "stripped": (("-ldflags=-s -w",), "", "doubtful"),
    "stripped, compiled for a fixed place": (
        ('-ldflags=-s -w -linkmode=external "-extldflags=-no-pie"',),
        FIXED,
        "doubtful",
    ),
}


@pytest.mark.parametrize("how", first(2, BUILDS))
def test_a_change_behind_a_pointer_is_never_silent(go_toolchain: Path, tmp_path: Path, how: str) -> None:
    if not can_build_cgo("amd64"):
        missing("a C compiler (apt-get install gcc libc6-dev)")
    flags, cflags, expected = BUILDS[how]
    files = []
    for side, source in (("old", SOURCE), ("new", SOURCE.replace("6, 7, 8", "6, 9, 8"))):
        place = tmp_path / side
        place.mkdir()
        (place / "go.mod").write_text("module example.org/pointers\n\ngo 1.21\n", "utf-8")
        (place / "main.go").write_text(GO, "utf-8")
        (place / "code.c").write_text(source, "utf-8")
        settings = {"CGO_ENABLED": "1", "GOFLAGS": "-buildvcs=false", "GOTOOLCHAIN": "local"}
        if cflags:
            settings["CGO_CFLAGS"] = cflags
        command = [go_toolchain / "bin" / "go", "build", "-trimpath", *flags, "-o", place / "out", "."]
        subprocess.run(command, cwd=place, env={**os.environ, **FEW_COLLECTIONS, **settings}, check=True)
        files.append(load(str(place / "out")))
    drift = compare(*files).functions
    assert drift is not None
    numbers = {"changed": len(drift.changed), "doubtful": len(drift.doubtful)}
    assert numbers == {"changed": 0, "doubtful": 0, expected: 1}

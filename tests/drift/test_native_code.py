"""C code behind cgo: edits of constants and code, in every way to link, and nothing else reported."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest

from probes.drift import compare
from probes.drift.native.operands import operands
from probes.go import load
from scripts.programs.gobuild import FEW_COLLECTIONS, can_build_cgo
from tests.conftest import first, missing

if TYPE_CHECKING:
    from pathlib import Path

GO = """package main

/*
int rate(int); int late(int); double share(int); int call(int); const char *name(int); const char *tail(int);
void copy(int *); int next(int);
*/
import "C"
import "os"

func main() {
	n := C.int(len(os.Args))
	var p [4]C.int
	C.copy(&p[0])
	println(C.rate(n), C.late(n), float64(C.share(n)), C.call(n), C.GoString(C.name(n)), C.GoString(C.tail(n)), p[3], C.next(n))
}
"""
SOURCE = r"""#include <string.h>
#define AWAY __attribute__((noinline))
static const int rates[8] = {1, 2, 3, 4, 5, 6, 7, 8};
static const unsigned char bytes[300] = {1, 0, 2, 3, [250] = 21};
static const double shares[6] = {1.5, 2.5, 3.5, 4.5, 5.5, 6.5};
typedef int (*fn)(int);
AWAY static int triple(int x) { return x * 3; }
AWAY static int fivefold(int x) { return x * 5; }
static const fn calls[3] = {triple, fivefold, triple};
static const char *const names[3] = {"red", "green", "blue"};
static const char text[] = "abc\0xyz";
static int counter = 7;
AWAY int rate(int i) { return rates[i & 7]; }
AWAY int late(int i) { return bytes[i % 300]; }
AWAY double share(int i) { return shares[i % 6]; }
AWAY int call(int i) { return calls[i % 3](i); }
AWAY const char *name(int i) { return names[i % 3]; }
AWAY const char *tail(int i) { return text + 4 + (i & 1); }
AWAY void copy(int *p) { static const int k[4] = {9, 8, 7, 6}; memcpy(p, k, 16); }
AWAY int next(int i) { counter += i; return counter * 11; }
"""
EDITS = {
    "table": ("3, 4, 5, 6", "3, 4, 50, 6", "rate"),
    "late byte": ("[250] = 21", "[250] = 22", "late"),
    "floats": ("4.5, 5.5", "4.75, 5.5", "share"),
    "function in a table": ("triple, fivefold, triple};", "triple, fivefold, fivefold};", "call"),
    "string in a table": ('"green"', '"greek"', "name"),
    "behind a zero": ("xyz", "xyq", "tail"),
    "vector": ("9, 8, 7, 6", "9, 8, 7, 66", "copy"),
    "code": ("counter * 11", "counter * 13", "next"),
}
FLAGS = {"exe": (), "stripped": ("-ldflags=-s -w",), "pie stripped": ("-buildmode=pie", "-ldflags=-s -w")}


def build(goroot: Path, folder: Path, source: str, flags: tuple[str, ...]) -> Path:
    if not can_build_cgo("amd64"):
        missing("a C compiler (apt-get install gcc libc6-dev)")
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text("module example.com/native\n\ngo 1.21\n", "utf-8")
    (folder / "main.go").write_text(GO, "utf-8")
    (folder / "code.c").write_text(source, "utf-8")
    environment = {
        **os.environ,
        **FEW_COLLECTIONS,
        "CGO_ENABLED": "1",
        "GOFLAGS": "-buildvcs=false",
        "GOTOOLCHAIN": "local",
    }
    command = [goroot / "bin" / "go", "build", "-trimpath", *flags, "-o", folder / "out", "."]
    subprocess.run(command, cwd=folder, env=environment, check=True)
    return folder / "out"


@pytest.mark.long
@pytest.mark.parametrize("how", first(1, FLAGS))
def test_every_edit_is_seen_in_its_function_alone(go_toolchain: Path, tmp_path: Path, how: str) -> None:
    old = load(str(build(go_toolchain, tmp_path / "old", SOURCE, FLAGS[how])))
    for number, (name, (before, after, function)) in enumerate(EDITS.items()):
        assert SOURCE.count(before) == 1, name
        new = load(str(build(go_toolchain, tmp_path / str(number), SOURCE.replace(before, after), FLAGS[how])))
        drift = compare(old, new).functions
        assert drift is not None
        changed = [each.name for each in drift.changed if each.package == "C"]
        assert not drift.undecided
        assert [each.name for each in drift.changed if each.package != "C"] == [], name
        if how == "exe":
            assert changed == [function], name
        else:
            assert len(changed) == 1, name
            assert changed[0].startswith("C function "), name


def test_a_rebuild_changes_nothing(go_toolchain: Path, tmp_path: Path) -> None:
    drift = compare(
        load(str(build(go_toolchain, tmp_path / "one", SOURCE, ()))),
        load(str(build(go_toolchain, tmp_path / "two", SOURCE + "\nint unused(int i) { return i + 12345; }\n", ()))),
    ).functions
    assert drift is not None
    assert [each.name for each in drift.changed] == []
    assert [each.name for each in drift.added] == ["unused"]


@pytest.mark.parametrize(
    ("arch", "code"),
    [
        ("amd64", bytes.fromhex("488d0500000080")),  # lea rax, [rip - 0x80000000]
        ("amd64", bytes.fromhex("e800000080")),  # call to the same distance
        ("arm64", (0x10800000).to_bytes(4, "little")),  # adr x0, 1 MiB back
    ],
)
def test_an_address_around_the_end_of_the_address_space_is_below_zero(arch, code):
    """Found by `make fuzz`: it did not fit into 64 bits with a sign."""
    ((_, target, _),) = operands(code, 0x1000, arch, None).targets
    assert target < 0
    assert np.array([target], dtype=np.int64)[0] == target

"""HG302 to HG305 on Go programs with C in them, linked in different ways, and on descriptions of other hosts."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from probes.host import dump_target, read_host
from probes.host_libraries import read_libraries, read_needed
from scripts.programs.gobuild import FEW_COLLECTIONS
from tests.conftest import first, missing
from tests.native.conftest import found, run_check
from tests.native.libraries import Built, build

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SOURCE = """package main

/*
#include <stdio.h>
static __thread int calls;
static int count(void) { printf("%d", calls); return ++calls; }
*/
import "C"

func main() { println(C.count()) }
"""
GROWN = SOURCE.replace(
    "static __thread int calls;", "static __thread int calls; static __thread long kept[32];"
).replace("return ++calls;", "return ++calls + ++kept[calls];")
EXTERNAL = "-linkmode=external -extldflags=-Wl,-z,relro,-z,now"


@pytest.fixture(scope="module")
def program(go_toolchain, tmp_path_factory) -> Callable[..., Path]:
    """`program(source, linker flags, build mode)` is the path of that program, built once."""
    if shutil.which("gcc") is None:
        missing("no gcc on PATH: apt-get install gcc")
    made: dict[tuple[str, ...], Path] = {}

    def link(source: str = SOURCE, flags: str = EXTERNAL, mode: str = "pie") -> Path:
        key = (source, flags, mode)
        if key not in made:
            folder = tmp_path_factory.mktemp("program")
            (folder / "go.mod").write_text("module example.com/shop\n\ngo 1.21\n", "utf-8")
            (folder / "main.go").write_text(source, "utf-8")
            given = ["-buildvcs=false", "-trimpath", f"-buildmode={mode}", f"-ldflags={flags}"]
            command = ["build", *given, "-o", "shop", "."]
            environment = {**os.environ, **FEW_COLLECTIONS, "CGO_ENABLED": "1", "GOFLAGS": "", "GOTOOLCHAIN": "local"}
            subprocess.run([go_toolchain / "bin" / "go", *command], cwd=folder, env=environment, check=True)
            made[key] = folder / "shop"
        return made[key]

    return link


def described(folder: Path, **changes: object) -> tuple[str, str]:
    """`--target` with this host's description, changed."""
    path = folder / "target.json"
    path.write_text(dump_target(replace(read_host(libraries=True), **changes)), "utf-8")
    return "--target", str(path)


def natives(report) -> dict[str, list[str]]:
    rules = ("HG302", "HG303", "HG304", "HG305")
    return {rule: sorted(found(report, rule)) for rule in rules if found(report, rule)}


def test_the_same_program_is_quiet(program, tmp_path) -> None:
    assert natives(run_check(program(), program())[1]) == {}
    assert natives(run_check(program(), program(), *described(tmp_path))[1]) == {}


def test_a_body_may_change(program) -> None:
    assert natives(run_check(program(), program(SOURCE.replace("++calls", "calls += 2")))[1]) == {}


def test_a_thread_local_variable_of_c(program) -> None:
    _, report = run_check(program(), program(GROWN))
    finding = found(report, "HG302")["thread-local storage"]
    assert finding["severity"] == "warn"
    assert "added kept" in finding["message"]


def test_a_library_that_the_target_does_not_list(program, tmp_path) -> None:
    code, report = run_check(program(), program(), *described(tmp_path, libraries={"libm.so.6": ()}))
    finding = found(report, "HG303")["libc.so.6"]
    assert (finding["severity"], code) == ("block", 10)


def test_a_version_that_the_target_does_not_have(program, tmp_path) -> None:
    have = dict(read_libraries("amd64"))
    have["libc.so.6"] = tuple(version for version in have["libc.so.6"] if version != "GLIBC_2.2.5")
    code, report = run_check(program(), program(), *described(tmp_path, libraries=have))
    finding = found(report, "HG303")["libc.so.6 GLIBC_2.2.5"]
    assert (finding["severity"], code) == ("block", 10)
    assert "printf" in finding["evidence"]["symbols"]


@pytest.mark.parametrize("changes", first(1, [{"libraries": None}, {"arch": "riscv64"}]))
def test_a_target_that_cannot_tell_is_a_doubt(changes, program, tmp_path) -> None:
    _, report = run_check(program(), program(), *described(tmp_path, **changes))
    (finding,) = found(report, "HG303").values()
    assert finding["evidence"]["verified"] is False


def test_a_library_that_this_host_does_not_find(program, tmp_path) -> None:
    build(tmp_path, Built(flags=("-Wl,-soname,libhotgate-own.so.1",)), name="libown.so")
    new = program(flags=f"-linkmode=external '-extldflags=-Wl,-z,relro,-z,now -L{tmp_path} -Wl,--no-as-needed -lown'")
    code, report = run_check(program(), new)
    finding = found(report, "HG303")["libhotgate-own.so.1"]
    assert (finding["severity"], code) == ("block", 10)


def test_a_run_path_is_a_doubt(program, tmp_path) -> None:
    new = program(flags=EXTERNAL + ",-rpath,/opt/shop/lib")
    _, report = run_check(program(), new, *described(tmp_path, libraries={}))
    finding = found(report, "HG303")["libc.so.6"]
    assert finding["evidence"]["verified"] is False
    assert finding["evidence"]["run_path"] == ["/opt/shop/lib"]


def test_another_interpreter(program, tmp_path) -> None:
    new = program(flags=EXTERNAL + ",--dynamic-linker=/lib/ld-musl-x86_64.so.1")
    code, report = run_check(program(), new, *described(tmp_path, interpreters=("/lib64/ld-linux-x86-64.so.2",)))
    (differs, lacks) = found(report, "HG304")["interpreter"], found(report, "HG304")["/lib/ld-musl-x86_64.so.1"]
    assert (differs["severity"], lacks["severity"], code) == ("block", "block", 10)


def test_this_host_is_asked_for_an_unusual_interpreter(program, tmp_path) -> None:
    there = tmp_path / "ld.so"
    there.write_bytes(b"")
    here = program(flags=f"{EXTERNAL},--dynamic-linker={there}")
    assert natives(run_check(here, here)[1]) == {}
    there.unlink()
    code, report = run_check(here, here)
    assert (found(report, "HG304")[str(there)]["severity"], code) == ("block", 10)


@pytest.mark.parametrize(
    ("flags", "mode", "subject"),
    first(
        1,
        [
            (EXTERNAL + ",-z,execstack", "pie", "stack"),
            (EXTERNAL + ",-z,norelro", "pie", "relro"),
            (EXTERNAL.replace(",-z,now", ",-z,lazy"), "pie", "relro"),
            (EXTERNAL + " -extldflags=-no-pie", "exe", "pie"),
        ],
    ),
)
def test_hardening(flags, mode, subject, program) -> None:
    old, new = program(), program(flags=flags, mode=mode)
    assert subject in found(run_check(old, new)[1], "HG305")
    assert subject not in found(run_check(new, old)[1], "HG305")


@pytest.mark.long
def test_few_libraries_are_read_like_all_of_them() -> None:
    everything = read_libraries("amd64")
    if "libc.so.6" not in everything:
        missing("no glibc on this host")
    few = read_needed("amd64", ["libc.so.6", "libnothing.so.9", "/no/such/lib.so"])
    assert few == {"libc.so.6": everything["libc.so.6"]}

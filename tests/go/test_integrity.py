"""Whether a file is as the go command wrote it: real builds of several releases, and what tools and damage do to them."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from probes.elf.headers import open_elf
from probes.elf.source import read_source
from probes.go import load
from probes.go.integrity import CHANGED, INTACT, UNKNOWN, read_integrity
from scripts.programs.gobuild import GoBuild, can_build_cgo
from scripts.programs.toolchains import goroot
from tests.conftest import missing

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("hello") }\n'
CGO = (
    'package main\n\n// static int twice(int x) { return 2 * x; }\nimport "C"\n\nfunc main() { println(C.twice(4)) }\n'
)
BUILDS = {
    "exe": (),
    "stripped": ("-ldflags=-s -w",),
    "pie": ("-buildmode=pie",),
    "cgo": (),
    "cgo pie": ("-buildmode=pie",),
}


def _build(goroot_: Path, folder: Path, how: str) -> Path:
    cgo = how.startswith("cgo")
    if cgo and not can_build_cgo("amd64"):
        missing("a C compiler (apt-get install gcc libc6-dev)")
    folder.mkdir(exist_ok=True)
    (folder / "go.mod").write_text("module example.org/integrity\n\ngo 1.21\n", "utf-8")
    (folder / "main.go").write_text(CGO if cgo else PLAIN, "utf-8")
    GoBuild(goroot_, folder, cgo=cgo, flags=("-trimpath", *BUILDS[how])).run(folder / "out")
    return folder / "out"


@pytest.mark.parametrize("how", BUILDS)
def test_what_the_go_command_wrote_is_intact(go_toolchain: Path, tmp_path: Path, how: str) -> None:
    assert load(str(_build(go_toolchain, tmp_path, how))).integrity == INTACT


@pytest.mark.parametrize("how", ["exe", "pie", "cgo"])
def test_older_releases_too(tmp_path: Path, how: str) -> None:
    root = goroot("1.21.13")
    assert load(str(_build(root, tmp_path, how))).integrity == INTACT


def test_every_damaged_byte_shows(go_toolchain: Path, tmp_path: Path) -> None:
    original = _build(go_toolchain, tmp_path, "exe").read_bytes()
    elf = open_elf(read_source(str(tmp_path / "out")))
    build_id = load(str(tmp_path / "out")).go_build_id
    assert build_id is not None
    note = elf.section(".note.gnu.build-id")
    assert note is not None  # Go 1.24 and newer write one, whose contents do not count
    for at in (0x30, note.offset - 1, len(original) // 2, len(original) - 1):
        damaged = bytearray(original)
        damaged[at] ^= 1
        assert read_integrity(damaged, elf, build_id) == CHANGED, at
    damaged = bytearray(original)
    damaged[note.offset + 16] ^= 1
    assert read_integrity(damaged, elf, build_id) == INTACT


def test_a_stripped_copy_was_changed(go_toolchain: Path, tmp_path: Path) -> None:
    if shutil.which("strip") is None:
        missing("strip (apt-get install binutils)")
    out = _build(go_toolchain, tmp_path, "exe")
    subprocess.run(["strip", "-o", tmp_path / "stripped", out], check=True)
    assert load(str(tmp_path / "stripped")).integrity == CHANGED


@pytest.mark.parametrize("build_id", [None, "", "no-hash", "a/b", "redacted/" + "!" * 20])
def test_without_a_hash_nothing_is_told(go_toolchain: Path, tmp_path: Path, build_id: str | None) -> None:
    source = read_source(str(_build(go_toolchain, tmp_path, "exe")))
    assert read_integrity(source.buffer, open_elf(source), build_id) == UNKNOWN


def test_a_build_id_that_is_everywhere_ends_the_search(go_toolchain: Path, tmp_path: Path) -> None:
    source = read_source(str(_build(go_toolchain, tmp_path, "exe")))
    build_id = "A" * 20
    assert read_integrity(source.buffer + build_id.encode() * 5000, open_elf(source), build_id) == UNKNOWN

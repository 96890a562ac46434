"""Other linkers and C libraries: the right verdict and the right functions, and no finding that is wrong."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from gate.cli import cli
from scripts.programs.gobuild import FEW_COLLECTIONS, can_build_cgo
from tests.conftest import first, missing

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """package main

// static int twice(int x) { return 2 * x; }
import "C"

import (
	"fmt"
	"net/http"
	"os"
)

//go:noinline
func price(n int) int { return n*25 + int(C.twice(3)) }

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, price(len(r.URL.Path))) })
	if len(os.Args) > 1 {
		http.ListenAndServe("127.0.0.1:0", nil)
	}
	fmt.Println(price(len(os.Args)))
}
"""
EXTERNAL = "-linkmode=external"
BUILDS: dict[str, tuple[str, tuple[str, ...], dict[str, str]]] = {
    # name: (the program it needs, flags, environment)
    "linked by go": ("gcc", (), {}),
    "static, glibc": ("gcc", (f'-ldflags={EXTERNAL} "-extldflags=-static"',), {}),
    "static, musl": ("musl-gcc", (f'-ldflags={EXTERNAL} "-extldflags=-static"',), {"CC": "musl-gcc"}),
    "dynamic, musl": ("musl-gcc", (f"-ldflags={EXTERNAL}",), {"CC": "musl-gcc"}),
    "lld": ("ld.lld", ("-buildmode=pie", f'-ldflags={EXTERNAL} "-extldflags=-fuse-ld=lld"'), {}),
}
PACKAGES = {"gcc": "gcc libc6-dev", "musl-gcc": "musl-tools", "ld.lld": "lld"}
NOT_OURS = {"HG409"}
"""Nothing here is under version control."""


def _build(goroot: Path, folder: Path, source: str, how: str, *more: str) -> Path:
    tool, flags, settings = BUILDS[how]
    if shutil.which(tool) is None or not can_build_cgo("amd64"):
        missing(f"{tool} (apt-get install {PACKAGES[tool]})")
    folder.mkdir()
    (folder / "go.mod").write_text("module example.org/wild\n\ngo 1.21\n", "utf-8")
    (folder / "main.go").write_text(source, "utf-8")
    fixed = {"CGO_ENABLED": "1", "GOFLAGS": "-buildvcs=false", "GOTOOLCHAIN": "local", "GOARCH": "amd64"}
    command = [goroot / "bin" / "go", "build", "-trimpath", *flags, *more, "-o", folder / "out", "."]
    subprocess.run(command, cwd=folder, env={**os.environ, **FEW_COLLECTIONS, **fixed, **settings}, check=True)
    return folder / "out"


def _checked(old: Path, new: Path) -> tuple[int, dict[str, Any]]:
    result = CliRunner(catch_exceptions=False).invoke(cli, ["check", str(old), str(new), "--format", "json"])
    return result.exit_code, json.loads(result.stdout)


@pytest.mark.parametrize("how", first(1, BUILDS))
def test_one_edit_is_one_change(go_toolchain: Path, tmp_path: Path, how: str) -> None:
    old = _build(go_toolchain, tmp_path / "old", SOURCE, how)
    new = _build(go_toolchain, tmp_path / "new", SOURCE.replace("n*25", "n*27"), how)
    code, report = _checked(old, new)
    assert code == 0
    assert [each["name"] for each in report["drift"]["functions"]["changed"]] == ["main.price"]
    assert report["drift"]["functions"]["doubtful"] == []
    assert {f["rule"] for f in report["findings"] if f["severity"] != "info"} <= NOT_OURS


def test_a_build_for_a_debugger_is_a_warning(go_toolchain: Path, tmp_path: Path) -> None:
    old = _build(go_toolchain, tmp_path / "old", SOURCE, "linked by go")
    new = _build(go_toolchain, tmp_path / "new", SOURCE, "linked by go", "-gcflags=-N -l")
    _, report = _checked(old, new)
    assert [f["severity"] for f in report["findings"] if f["rule"] == "HG414"] == ["warn"]


@pytest.mark.parametrize("removed", [(), ("--remove-section=.eh_frame", "--remove-section=.eh_frame_hdr")])
def test_equal_bytes_are_equal(go_toolchain: Path, tmp_path: Path, removed: tuple[str, ...]) -> None:
    if shutil.which("objcopy") is None:
        missing("objcopy (apt-get install binutils)")
    old = _build(go_toolchain, tmp_path / "old", SOURCE, "linked by go")
    copy = tmp_path / "copy"
    subprocess.run(["objcopy", "--strip-all", *removed, old, copy], check=True)
    code, report = _checked(copy, copy)
    assert (code, report["drift"]["functions"]["undecided"]) == (0, [])

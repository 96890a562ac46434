"""A constant whose length nothing tells: its first byte counts, what comes later is in doubt, and never silently equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from probes.drift import compare
from probes.go import load
from scripts.programs.gobuild import GoBuild

if TYPE_CHECKING:
    from pathlib import Path

TEXT = b"a text that is found but once in this program, whose length no code near it knows"
SOURCE = f"""package main

import "unsafe"

//go:noinline
func address() *byte {{ return unsafe.StringData("{TEXT.decode()}") }}

func main() {{ println(*address()) }}
"""


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_a_difference_further_on_is_said_to_be_possible(go_toolchain: Path, tmp_path: Path, arch: str) -> None:
    (tmp_path / "go.mod").write_text("module example.org/doubts\n\ngo 1.21\n", "utf-8")
    (tmp_path / "main.go").write_text(SOURCE, "utf-8")
    GoBuild(go_toolchain, tmp_path, goarch=arch, flags=("-trimpath", "-ldflags=-s -w")).run(tmp_path / "out")
    original = (tmp_path / "out").read_bytes()
    assert original.count(TEXT) == 1
    old = load(str(tmp_path / "out"))
    for at, sure in ((0, True), (9, False), (len(TEXT) - 1, False)):
        damaged = bytearray(original)
        damaged[original.index(TEXT) + at] ^= 1
        (tmp_path / "new").write_bytes(damaged)
        drift = compare(old, load(str(tmp_path / "new"))).functions
        assert drift is not None
        changed = {each.name for each in drift.changed}
        doubtful = {each.name for each in drift.doubtful}
        assert changed | doubtful == {"main.address"}, at
        assert changed or not sure, at

"""Caches of type assertions and interface switches: the compiler numbers them, and what they look up is code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from probes.drift import compare
from probes.go import load
from scripts.programs.gobuild import GoBuild
from tests.conftest import first

if TYPE_CHECKING:
    from pathlib import Path

    from probes.drift.facts import FunctionDrift

SOURCE = """package main

import (
	"fmt"
	"io"
	"os"
)

// BEFORE

//go:noinline
func flusher(w io.Writer) bool {
	f, ok := w.(interface{ Flush() error })
	if ok {
		return f.Flush() == nil
	}
	return false
}

//go:noinline
func kind(w any) string {
	switch v := w.(type) {
	case fmt.Stringer:
		return v.String()
	case io.ReaderFrom:
		return "reader from"
	case io.Closer:
		return "closer"
	}
	return "other"
}

func main() {
	fmt.Println(flusher(os.Stdout), kind(os.Stdout))
}
"""
SEEKER = """//go:noinline
func seeker(w io.Writer) bool { _, ok := w.(io.Seeker); return ok }

func init() { fmt.Print(seeker(os.Stdout)) }"""
EDITS = {
    "one more before": ("// BEFORE", SEEKER, set()),
    "another interface": ("io.ReaderFrom:", "io.WriterTo:", {"main.kind"}),
    "another method": ("interface{ Flush() error }", "interface{ Flush() error; Sync() error }", {"main.flusher"}),
    "cases swapped": ('io.ReaderFrom:\n\t\treturn "reader from"\n\tcase io.Closer:\n\t\treturn "closer"',
                      'io.Closer:\n\t\treturn "reader from"\n\tcase io.ReaderFrom:\n\t\treturn "closer"', {"main.kind"}),
}  # fmt: skip


@pytest.mark.parametrize("flags", [(), ("-ldflags=-s -w",)], ids=["symbols", "stripped"])
@pytest.mark.parametrize("edit", first(2, EDITS))
def test_what_is_asserted_counts_and_its_number_does_not(
    go_toolchain: Path, tmp_path: Path, flags: tuple[str, ...], edit: str
) -> None:
    before, after, expected = EDITS[edit]
    assert SOURCE.count(before) == 1
    drift = _compared(go_toolchain, tmp_path, (SOURCE, SOURCE.replace(before, after)), flags)
    assert {change.name for change in drift.changed} == expected
    assert not drift.undecided


def _compared(goroot: Path, folder: Path, sources: tuple[str, str], flags: tuple[str, ...]) -> FunctionDrift:
    files = []
    for side, source in zip(("old", "new"), sources, strict=True):
        place = folder / side
        place.mkdir()
        (place / "go.mod").write_text("module example.org/caches\n\ngo 1.22\n", "utf-8")
        (place / "main.go").write_text(source, "utf-8")
        GoBuild(goroot, place, flags=("-trimpath", *flags)).run(place / "out")
        files.append(load(str(place / "out")))
    drift = compare(*files).functions
    assert drift is not None
    return drift

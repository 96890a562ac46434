"""Types declared in functions are numbered, and the number is part of their hash: the type is what counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from probes.drift import compare
from probes.go import load
from tests.conftest import first
from tests.drift.test_constant_ends import changed, program

if TYPE_CHECKING:
    from pathlib import Path

MAIN = """package main

import "fmt"

type box[T any] struct{ held T }

//go:noinline
func show(values ...any) { fmt.Printf("%v %T\\n", values, values[0]) }

BEFORE
//go:noinline
func counts(n int) {
	type pair struct {
		name  string
		value int
	}
	show(pair{"a", n}, []pair{{"b", n}}, map[string]*pair{"c": {"d", n}}, box[pair]{pair{"e", n}})
}

//go:noinline
func ratios(n int) {
	type pair struct {
		name  string
		value RATIO
	}
	show(pair{"a", RATIO(n)}, func(pair) {}, [2]pair{{"b", RATIO(n)}})
}

func main() {
	counts(1)
	ratios(2)
	EXTRA
}
"""
BEFORE = """
//go:noinline
func first(n int) {
	type pair struct{ left, right int }
	show(pair{n, n}, []pair{{n, n}})
}
"""


def built(root: Path, folder: Path, *, ratio: str = "float64", first: bool = False, stripped: bool) -> Path:
    """Build the program. `first`: with a function before all others."""
    text = MAIN.replace("BEFORE", BEFORE if first else "").replace("EXTRA", "first(3)" if first else "")
    return program(root, folder, {"main.go": text.replace("RATIO", ratio)}, stripped=stripped)


@pytest.mark.parametrize("stripped", first(1, [False, True]))
def test_types_of_functions_that_are_numbered_anew_are_the_same(
    go_toolchain: Path, tmp_path: Path, stripped: bool
) -> None:
    old = built(go_toolchain, tmp_path / "old", stripped=stripped)
    new = built(go_toolchain, tmp_path / "new", first=True, stripped=stripped)
    assert changed(old, new) == {"main.main"}
    types = compare(load(str(old)), load(str(new))).types
    assert types is not None
    assert not types.changed
    assert not types.removed


@pytest.mark.parametrize("stripped", first(1, [False, True]))
def test_and_one_that_holds_something_else_is_not(go_toolchain: Path, tmp_path: Path, stripped: bool) -> None:
    old = built(go_toolchain, tmp_path / "old", stripped=stripped)
    new = built(go_toolchain, tmp_path / "new", first=True, ratio="uint64", stripped=stripped)
    assert changed(old, new) == {"main.main", "main.ratios"}
    types = compare(load(str(old)), load(str(new))).types
    assert types is not None
    assert [each.name.partition("#")[0] for each in types.changed] == ["main.pair"]
    assert [found.path for found in types.changed[0].changes] == ["pair.value"]

"""A small part of `make releases`: two releases of a program, the standard library included, against the listing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scripts.programs.gobuild import GoBuild
from scripts.truth.releases import Symbols
from tests.groundtruth import listing, releases
from tests.groundtruth.corpus import linked
from tests.groundtruth.score import drift_of

if TYPE_CHECKING:
    from pathlib import Path

OLD = """package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"
)

type order struct{ ID, Count int }

//go:noinline
func sum[T int | float64](values []T) (total T) {
	for _, value := range values {
		total += value
	}
	return total
}

func list(w io.Writer) {
	type row struct{ Name string }
	orders := []order{{1, 2}, {3, 4}}
	sort.Slice(orders, func(i, j int) bool { return orders[i].Count < orders[j].Count })
	defer func() { fmt.Println("listed", len(orders)) }()
	_ = json.NewEncoder(w).Encode(map[string]any{"orders": orders, "row": row{"a"}, "sum": sum([]int{1, 2})})
}

func state(code int) string {
	switch code {
	case 0: return "new"
	case 1: return "paid"
	case 2: return "packed"
	case 3: return "sent"
	case 4: return "returned"
	case 5: return "refunded"
	case 6: return "lost"
	case 7: return "closed"
	case 8: return "held"
	}
	return "unknown"
}

func main() {
	list(os.Stdout)
	fmt.Println(state(len(os.Args)), sum([]float64{1, 2}), "/orders")
}
"""
EDITS = (
    ("sort.Slice(orders", 'go func() { fmt.Println("first") }()\n\tsort.Slice(orders'),
    ('return "sent"', 'return "gone"'),
    ("total += value", "total += value + 1"),
    ('"/orders"', '"/orders/of/this/year"'),
)


@pytest.mark.long
@pytest.mark.parametrize("edits", [(), EDITS], ids=["nothing", "edits"])
def test_a_release_is_reported_as_the_compiler_lists_it(
    go_toolchain: Path, tmp_path: Path, edits: tuple[tuple[str, str], ...]
) -> None:
    new = OLD
    for before, after in edits:
        assert new.count(before) == 1, before
        new = new.replace(before, after)
    read, names, programs = [], [], []
    for name, text in (("old", OLD), ("new", new)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "go.mod").write_text("module example.org/service\n\ngo 1.21\n", "utf-8")
        (folder / "main.go").write_text(text, "utf-8")
        build = GoBuild(go_toolchain, folder, flags=("-trimpath", "-gcflags=all=-S=2", "-asmflags=all=-S"))
        wanted = Symbols()
        said = build.run(folder / "full").splitlines()
        read.append(listing.parse(line for line in said if wanted(line.encode())))
        build.run(folder / "stripped", flags=("-ldflags=-s -w",))
        names.append(linked(folder / "full", go_toolchain))
        programs.append(folder)
    real = releases.truth(*read, *names)
    assert real.same > 1000
    changed = {"main.list", "main.list.func_", "main.main", "main.sum[...]"}
    assert set(real.new) == (changed if edits else set())
    for kind in ("full", "stripped"):
        drift, _ = drift_of(programs[0] / kind, programs[1] / kind)
        score = releases.score(drift, real, stripped=kind == "stripped")
        assert (score.missed, score.false) == ({}, {}), kind


def test_numbers_by_position_are_no_part_of_a_name() -> None:
    for name, wanted in (
        ("main.f.func3", "main.f.func_"),
        ("main.f.func3.1", "main.f.func_._"),
        ("main.f.deferwrap2", "main.f.deferwrap_"),
        ("main.init.0", "main.init._"),
        ("main.f.g.func1.func2-range4", "main.f.g.func_.func_-range_"),
        ("type:.eq.main.row·2", "type:.eq.main.row·_"),
        ("fmt.Errorf.func1#a1b2#", "fmt.Errorf.func_"),
        ("main.v2", "main.v2"),
        ("main.(*T2).M1", "main.(*T2).M1"),
    ):
        assert releases.unnumbered(name) == wanted

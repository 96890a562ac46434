"""Where a constant ends, and what in it is a number: both were taken for something else in real releases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from probes.drift import compare
from probes.go import load
from scripts.programs.gobuild import GoBuild

if TYPE_CHECKING:
    from pathlib import Path

MARK = 0x1122334455667788
COPIED = f"""package main

var room [1 << 22]byte

type record [40]uint64

//go:noinline
func literal() record {{ return record{{{MARK:#x}, 5, 6, 30: 7, 39: 8}} }}

func main() {{
	room[0] = "NOTE"[1]
	r := literal()
	println(room[0], r[0], r[39], "NOTE")
}}
"""
TABLE = """package main

//go:noinline
func choose(i int) int {
	switch i {
CASES	}
	STATEMENT
	return i * 3
}

func main() { println(choose(len(mode()))) }

//go:noinline
func mode() string { return "NOTE" }
"""


def program(root: Path, folder: Path, files: dict[str, str], *, stripped: bool, arch: str = "amd64") -> Path:
    """Build the files into a program."""
    folder.mkdir()
    (folder / "go.mod").write_text("module example.org/ends\n\ngo 1.21\n", "utf-8")
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    GoBuild(root, folder, goarch=arch, flags=("-trimpath", *(("-ldflags=-s -w",) if stripped else ()))).run(
        folder / "out"
    )
    return folder / "out"


def changed(old: Path, new: Path) -> set[str]:
    """The functions that are reported, for certain or as possible."""
    drift = compare(load(str(old)), load(str(new))).functions
    assert drift is not None
    return {each.name for each in (*drift.changed, *drift.doubtful)}


@pytest.mark.parametrize("stripped", [False, True])
def test_a_number_that_looks_like_an_address_is_a_number(go_toolchain: Path, tmp_path: Path, stripped: bool) -> None:
    sides = []
    for name, note in (("old", "short"), ("new", "so long that what is behind it moves " * 200)):
        files = {"main.go": COPIED.replace("NOTE", note)}
        sides.append(program(go_toolchain, tmp_path / name, files, stripped=stripped))
    room = [next(s for s in load(str(side)).image.elf.sections if s.name == ".noptrbss") for side in sides]
    number = (max(each.addr for each in room) + (1 << 21)) & ~0xFFFF
    assert all(each.addr < number < each.addr + each.size for each in room)
    for side in sides:
        data = side.read_bytes()
        assert data.count(MARK.to_bytes(8, "little")) == 1
        side.write_bytes(data.replace(MARK.to_bytes(8, "little"), number.to_bytes(8, "little")))
    assert changed(*sides) == {"main.main"}


def test_a_table_ends_where_a_changed_function_has_its_own(go_toolchain: Path, tmp_path: Path) -> None:
    """The hash function of the runtime reads two tables of 256 bytes at any index; 33 cases are the next in size."""
    cases = "".join(f"\tcase {n}:\n\t\treturn {n * n * 7 + 1}\n" for n in range(33))
    sides = []
    for name, statement in (("old", ""), ("new", "println(i, i*5)")):
        text = TABLE.replace("CASES", cases).replace("STATEMENT", statement).replace("NOTE", name)
        sides.append(program(go_toolchain, tmp_path / name, {"main.go": text}, stripped=True))
    assert changed(*sides) == {"main.choose", "main.mode"}


GENERIC = """package main

//go:noinline
func kind[T any]() string {
	var none T
	switch any(none).(type) {
	case int:
		return "NOTE"
	}
	return "others"
}

//go:noinline
func inner[T any](n int) string { return kind[T]()[n:] }

//go:noinline
func outer[T any](n int) string { return inner[T](n + 1) }

func main() { println(outer[int](1), outer[string](2), outer[float64](3)) }
"""


@pytest.mark.parametrize("stripped", [False, True])
def test_what_is_behind_the_last_pointer_of_a_constant_is_no_length(
    go_toolchain: Path, tmp_path: Path, stripped: bool
) -> None:
    sides = []
    for name, note in (("old", "short"), ("new", "so long that what is behind it moves " * 200)):
        files = {"main.go": GENERIC.replace("NOTE", note)}
        sides.append(
            with_number_behind(go_toolchain, tmp_path / name, files, "main..dict.outer[float64]", 5, stripped=stripped)
        )
    assert {name.partition("[")[0] for name in changed(*sides)} == {"main.kind"}


def with_number_behind(  # noqa: PLR0913 - one program
    root: Path, folder: Path, files: dict[str, str], dictionary: str, number: int, *, stripped: bool
) -> Path:
    """Build the program, and put `number` behind a dictionary that holds one address."""
    whole = program(root, folder, files, stripped=False)
    facts = load(str(whole))
    assert facts.symtab is not None
    row = facts.symtab.find(dictionary)[dictionary]
    assert int(facts.symtab.size[row]) == 8
    side = program(root, folder.with_name(f"{folder.name}-stripped"), files, stripped=True) if stripped else whole
    address = int(facts.symtab.value[row])
    assert load(str(side)).image.u64(address) == facts.image.u64(address)
    data = bytearray(side.read_bytes())
    at = load(str(side)).image.offset(address + 8, 8)
    data[at : at + 8] = number.to_bytes(8, "little")
    side.write_bytes(data)
    return side


NAMES = """package main

import "example.org/ends/other"

var names = map[int32]string{0: "FIRST", 1: "XX_HASH", 2: "FNV"}

func main() { println(names[int32(len(other.Name()))]) }
"""
OTHER = """package other

//go:noinline
func Name() string { return "NOTE" }
"""


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_the_length_of_a_string_is_stored_before_the_write_barrier(
    go_toolchain: Path, tmp_path: Path, arch: str
) -> None:
    sides = []
    for name, first, note in (("old", "DEFAULT", "MURMUR3"), ("new", "UNKNOWN", "SIPHASH")):
        files = {"main.go": NAMES.replace("FIRST", first), "other/other.go": OTHER.replace("NOTE", note)}
        sides.append(program(go_toolchain, tmp_path / name, files, stripped=True, arch=arch))
        assert f"XX_HASH{note}".encode() in sides[-1].read_bytes(), "the one behind its name"
    drift = compare(*(load(str(side)) for side in sides)).functions
    assert drift is not None
    assert {each.name: each.detail for each in drift.changed} == {
        "main.init": 'string "DEFAULT" → "UNKNOWN"',
        "example.org/ends/other.Name": 'string "MURMUR3" → "SIPHASH"',
    }


SORTED = """package main

import (
	"slices"
	"sort"
)

//go:noinline
func order(x []float64) { sort.Float64s(x) }

func main() {
	x := []float64{3, 2, 1}
	order(x)
	slices.Reverse(x)
	println("NOTE", x[0])
}
"""


@pytest.mark.parametrize("stripped", [False, True])
def test_a_dictionary_ends_before_the_first_number(go_toolchain: Path, tmp_path: Path, stripped: bool) -> None:
    sides = []
    for name, number, note in (("old", 1 << 52, "short"), ("new", 1 << 53, "moves what is behind it " * 99)):
        files = {"main.go": SORTED.replace("NOTE", note)}
        dictionary = "slices..dict.reverseRangeOrdered[float64]"
        sides.append(with_number_behind(go_toolchain, tmp_path / name, files, dictionary, number, stripped=stripped))
    drift = compare(*(load(str(side)) for side in sides)).functions
    assert drift is not None
    names = {each.name for each in drift.changed}
    assert "main.main" in names
    assert "sort.Float64s" not in names


METHODS = """package main

import "fmt"

type first struct{ a int }

type second struct{ a int }

type item struct{ n int }

//go:noinline
func (i item) name() string { return "item" }

type namer interface{ name() string }

//go:noinline
func use[T namer, U any](x T) string {
	call := T.name
	var none U
	return call(x) + fmt.Sprintf("%T", none)
}

//go:noinline
func caller() string { return use[item, *CHOSEN](item{1}) }

func main() {
	println(caller(), use[item, *first](item{2}), use[item, *second](item{3}), "NOTE")
}
"""


@pytest.mark.parametrize("stripped", [False, True])
def test_a_dictionary_that_begins_with_a_method_goes_on(go_toolchain: Path, tmp_path: Path, stripped: bool) -> None:
    sides = []
    for name, chosen, note in (("old", "first", "short"), ("new", "second", "moves what is behind it " * 99)):
        files = {"main.go": METHODS.replace("CHOSEN", chosen).replace("NOTE", note)}
        sides.append(program(go_toolchain, tmp_path / name, files, stripped=stripped))
    assert "main.caller" in changed(*sides)

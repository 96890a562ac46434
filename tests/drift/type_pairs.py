"""Two releases of one program whose package variables have other types, and what has to be reported of each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from probes.go import load
from scripts.programs.gobuild import GoBuild, can_build_cgo
from tests.conftest import missing
from tests.drift.variable_pairs import OLD_RELEASE, Config, toolchain

if TYPE_CHECKING:
    from pathlib import Path

    from probes.go.facts import BinaryFacts

P = "example.com/retyped/dot.ted."


@dataclass(frozen=True)
class Variable:
    """A package variable; `detail` is what has to be said of it, "" when nothing is to be reported."""

    name: str
    old: str
    new: str
    detail: str = ""


VARIABLES = (
    Variable("Same", "int64", "int64"),
    Variable("Number", "int64", "float64", "int64 → float64"),
    Variable("Sign", "uint32", "int32", "uint32 → int32"),
    Variable("Table", "map[string]int", "map[string]string", "map[string]int → map[string]string"),
    Variable("Keyed", "map[int32]bool", "map[int64]bool", "map[int32]bool → map[int64]bool"),
    Variable("Elem", "[]int32", "[]uint32", "[]int32 → []uint32"),
    Variable("Call", "func(int) string", "func(int) error", "func(int) string → func(int) error"),
    Variable("Send", "chan<- int", "<-chan int", "chan<- int → <-chan int"),
    Variable("Two", "chan int", "<-chan int", "chan int → <-chan int"),
    Variable("Named", "Celsius", "Kelvin", f"{P}Celsius → {P}Kelvin"),
    Variable("Plain", "Celsius", "float64", f"{P}Celsius → float64"),
    Variable("Block", "[2]int32", "struct{ A, B int32 }", "[2]int32 → struct { A int32; B int32 }"),
    Variable("Target", "*int64", "*float64", "*int64 → *float64"),
    Variable("Held", "*Owner", "*Other", f"*{P}Owner → *{P}Other"),
    Variable("Any", "any", "error", "interface {} → error"),
    Variable("Iface", "error", "Speaker", f"error → {P}Speaker"),
    Variable("Generic", "Box[int64]", "Box[float64]", f"{P}Box[int64] → {P}Box[float64]"),
    Variable("Local", "struct{ a, b int64 }", "struct{ a int64; b float64 }", "struct: b int64 → float64"),
    # The name stays, and what the variable holds by value does not.
    Variable("Inside", "Config", "Config", f"{P}Config: Rate int64 → float64"),
    Variable("Swapped", "Pair", "Pair", f"{P}Pair: A offset 0 → 8, B offset 8 → 0"),
    Variable("Deep", "[3]Outer", "[3]Outer", f"[3]{P}Outer: [].In.Rate int64 → float64"),
    Variable("Base", "Rate", "Rate", f"{P}Rate: int64 → float64"),
    Variable("Listed", "Prices", "Prices", f"{P}Prices: map[string]int32 → map[string]int64"),
    Variable("Called", "Handler", "Handler", f"{P}Handler: func(int) (string) → func(int, []int, ...) (string)"),
    # What it only leads to is a matter of types, not of variables.
    Variable("Behind", "*Config", "*Config"),
    Variable("Slice", "[]Config", "[]Config"),
    Variable("Values", "map[string]Config", "map[string]Config"),
    Variable("Loop", "Node", "Node"),
    Variable("Unsafe", "unsafe.Pointer", "unsafe.Pointer"),
)

_OLD = """
type Config struct { Name string; Rate int64 }
type Pair struct { A, B int64 }
type Rate int64
type Prices map[string]int32
type Handler func(int) string
"""
_NEW = """
type Config struct { Name string; Rate float64 }
type Pair struct { B, A int64 }
type Rate float64
type Prices map[string]int64
type Handler func(int, ...int) string
"""
_BOTH = """
type (
	Celsius float64
	Kelvin  float64
	Owner   struct{ Next *Owner }
	Other   struct{ Next *Other }
	Speaker interface{ Speak() }
	Box[T any] struct{ Value T }
	Outer   struct{ In Config; _ int32; _ int32 }
	Node    struct{ Next *Node; All []Node }
)
"""
_MAIN = """package main

import dotted "example.com/retyped/dot.ted"

func main() { println(len(dotted.All())) }
"""


def source(*, new: bool) -> str:
    """The package of the variables."""
    names = ", ".join(f"&{each.name}" for each in VARIABLES)
    lines = "\n".join(f"\t{each.name} {each.new if new else each.old}" for each in VARIABLES)
    shapes = (_NEW if new else _OLD) + _BOTH
    keep = f"//go:noinline\nfunc All() []any {{ return []any{{{names}}} }}\n"
    return f'package dotted\n\nimport "unsafe"\n\nvar _ unsafe.Pointer\n{shapes}\nvar (\n{lines}\n)\n\n{keep}'


CONFIGS = (
    Config(),
    Config(buildmode="pie"),
    Config(goarch="arm64"),
    Config(buildmode="pie", cgo=True),
    Config(release=OLD_RELEASE),
)
_C = 'package main\n\n// static int touch(int by) { static int hits; return hits += by; }\nimport "C"\n\nfunc init() { C.touch(1) }\n'


class Releases:
    """Builds the program in each configuration once; `flags` are those of the linker."""

    def __init__(self, newest: Path, folder: Path) -> None:
        self.newest = newest
        self.folder = folder
        self.facts = cache(self._facts)

    def path(self, config: Config, *, new: bool, flags: str = "") -> Path:
        """The program; OLD's unless `new`."""
        if config.cgo and not can_build_cgo(config.goarch):
            missing(f"no C compiler for {config.goarch}")
        side = "new" if new else "old"
        out = self.folder / f"{side}-{config}{flags.replace(' ', '')}"
        if out.exists():
            return out
        root = self.folder / f"source-{side}{'-cgo' if config.cgo else ''}"
        files = {"go.mod": "module example.com/retyped\n\ngo 1.21\n", "main.go": _MAIN}
        files |= {"dot.ted/state.go": source(new=new)} | ({"native.go": _C} if config.cgo else {})
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, "utf-8")
        GoBuild(
            toolchain(config, self.newest),
            root,
            buildmode=config.buildmode,
            goarch=config.goarch,
            cgo=config.cgo,
            flags=("-trimpath", f"-ldflags={flags}"),
        ).run(out)
        return out

    def _facts(self, config: Config, *, new: bool, flags: str = "") -> BinaryFacts:
        return load(str(self.path(config, new=new, flags=flags)), examine=False)

"""The states that programs register with goprobe, by their code: real programs, stripped or not, on both architectures."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from probes.code.facts import RegisteredState
from probes.code.states import registered
from probes.elf.source import read_source
from probes.go.loading import load
from scripts.programs.gobuild import ROOT, GoBuild
from tests.conftest import first

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """package main

import (
	"context"
	"io"
	"os"
	"reflect"

	"hotgate/goprobe"
)

type Book struct{ Orders []int }

func codec() *goprobe.ValueCodec[Book] {
	return goprobe.JSON(func() (Book, error) { return Book{}, nil }, func(Book) error { return nil })
}

func old(io.Reader) (Book, error) { return Book{}, nil }

type own struct{}

func (own) Name() string                                        { return "own" }
func (own) Type() reflect.Type                                  { return reflect.TypeOf(0) }
func (own) Versions() []int                                     { return []int{7} }
func (own) Encode(io.Writer) error                              { return nil }
func (own) Decode(int, io.Reader) (func() error, error)         { return func() error { return nil }, nil }

var _ = []any{os.Args, old, own{}}

func main() {
	p, err := goprobe.Start(context.Background(), goprobe.Options{})
	if err != nil {
		panic(err)
	}
	%s
	p.Ready()
}
"""
CASES = {
    "plain": ('p.RegisterState("orders", 1, codec())', (RegisteredState("orders", 1, (1,)),)),
    "migrates": (
        'p.RegisterState("orders", 3, codec().Migrate(1, old).Migrate(2, old))',
        (RegisteredState("orders", 3, (1, 2, 3)),),
    ),
    "two": (
        'p.RegisterState("orders", 1, codec())\n\tp.RegisterState("users", 4, codec())',
        (RegisteredState("orders", 1, (1,)), RegisteredState("users", 4, (4,))),
    ),
    "own": ('p.RegisterState("orders", 2, own{})', (RegisteredState("orders", 2, None),)),
    "computed": ('p.RegisterState("orders", len(os.Args), codec())', None),
    "named by chance": ("p.RegisterState(os.Args[0], 1, codec())", None),
    "reads what is computed": (
        'p.RegisterState("orders", 2, codec().Migrate(len(os.Args), old))',
        (RegisteredState("orders", 2, None),),
    ),
    "none": ("", ()),
}


@pytest.fixture(scope="module")
def program(go_toolchain: Path, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("states")

    def build(case: str, arch: str, flags: tuple[str, ...]) -> Path:
        source = folder / case.replace(" ", "-")
        if not source.exists():
            source.mkdir()
            goprobe = os.path.relpath(ROOT / "goprobe", source)
            (source / "go.mod").write_text(
                f"module example.com/shop\n\ngo 1.21\n\nrequire hotgate/goprobe v0.0.0\n\nreplace hotgate/goprobe => {goprobe}\n"
            )
            (source / "main.go").write_text(PROGRAM % CASES[case][0])
        out: Path = folder / f"{source.name}-{arch}-{len(flags)}"
        GoBuild(goroot=go_toolchain, source=source, goarch=arch, flags=("-trimpath", "-buildvcs=false", *flags)).run(
            out
        )
        return out

    return build


@pytest.mark.parametrize("case", first(3, CASES))
@pytest.mark.parametrize(
    ("arch", "flags"), [("arm64", ("-ldflags=-s -w",)), pytest.param("amd64", (), marks=pytest.mark.long)]
)
def test_states(case, arch, flags, program) -> None:
    path = str(program(case, arch, flags))
    facts = load(path, read_source(path), examine=False, foreign=False)
    assert registered(facts) == CASES[case][1]

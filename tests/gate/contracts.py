"""What the tests of the contract and of its lock share: a program, edits of it, and the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from click.testing import CliRunner

from gate.cli import cli
from tests.gate.test_real_binaries import build_program

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """package main

import (
	"encoding/json"
	"fmt"
	"os"
)

type Line struct {
	Item  string `json:"item"`
	Cents int64  `json:"cents"`
}

type Order struct {
	ID    int64   `json:"id"`
	Lines []*Line `json:"lines"`
	Note  string  `json:"note"`
}

type Store interface {
	Put(o *Order) error
	Get(id int64) (*Order, bool)
}

type memory struct{ orders map[int64]*Order }

func (m *memory) Put(o *Order) error           { m.orders[o.ID] = o; return nil }
func (m *memory) Get(id int64) (*Order, bool) { o, ok := m.orders[id]; return o, ok }
func (m *memory) Len() int                     { return len(m.orders) }

var store any = &memory{orders: map[int64]*Order{}}

func main() {
	if s, ok := store.(Store); ok {
		s.Put(&Order{ID: int64(len(os.Args)), Lines: []*Line{{"a", 1}}})
		o, _ := s.Get(1)
		b, err := json.Marshal(o)
		fmt.Println(string(b), err)
	}
}
"""
INSERTED = ("\tLines []*Line", '\tTier  int32   `json:"tier"`\n\tLines []*Line')
APPENDED = ('\tNote  string  `json:"note"`', '\tNote  string  `json:"note"`\n\tTier  int32   `json:"tier"`')
RETAGGED = ('`json:"note"`', '`json:"remark"`')
DEEP = ("\tCents int64 ", "\tCents float32 ")
METHOD = ("\tGet(id int64) (*Order, bool)", "\tGet(id int64) (*Order, bool)\n\tLen() int")
EDITS = {"inserted": INSERTED, "appended": APPENDED, "retagged": RETAGGED, "deep": DEEP, "method": METHOD}
FLAGS = {"exe": (), "stripped": ("-ldflags=-s -w",), "pie": ("-buildmode=pie",)}


def build_all(go_toolchain: Path, root: Path) -> None:
    """`base-exe/shop`, `deep-stripped/shop` … in `root`: the program and its edits, by edit and way to link."""
    root.mkdir()
    for how, flags in FLAGS.items():
        build_program(go_toolchain, root / f"base-{how}", SOURCE, *flags)
    for name, (before, after) in EDITS.items():
        assert SOURCE.count(before) == 1, name
        edited = SOURCE.replace(before, after)
        for how, flags in FLAGS.items():
            if how == "stripped" or name == "inserted":
                build_program(go_toolchain, root / f"{name}-{how}", edited, *flags)
    renamed = SOURCE.replace("Order", "Purchase")
    build_program(go_toolchain, root / "renamed-stripped", renamed, *FLAGS["stripped"])


def policy(folder: Path, state: dict[str, str], **rest: object) -> Path:
    lines = ["[contract]", *(f"{key} = {json.dumps(value)}" for key, value in rest.items()), "[contract.state]"]
    path = folder / "policy.toml"
    path.write_text("\n".join([*lines, *(f'"{name}" = "{codec}"' for name, codec in state.items())]) + "\n", "utf-8")
    return path


def run(*arguments: object) -> tuple[int, dict]:
    result = CliRunner(catch_exceptions=False).invoke(
        cli, [*map(str, arguments), "--format", "json"], env={"HOTGATE_DEBUG": "1"}
    )
    assert result.stderr == ""
    return result.exit_code, json.loads(result.stdout)


def findings(report: dict, rule: str) -> list[dict]:
    return [finding for finding in report["findings"] if finding["rule"] == rule]

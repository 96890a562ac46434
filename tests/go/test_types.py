"""Type descriptors of every fixture: they decode, without a contradiction, and the known ones are what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from probes.go import load
from probes.go.types import layouts as tl
from probes.go.types.lazy import TypesOnDemand
from probes.go.types.reading import read_types
from tests import made_elf, matrix

if TYPE_CHECKING:
    from probes.go.types.table import TypeTable
    from tests.matrix import Entry


KINDS = "example.com/fixture/internal/kinds"


def table_of(name: str) -> TypeTable:
    types = made_elf.facts(name).types
    assert types is not None
    return types.read()


def test_every_fixture_decodes(entry: Entry) -> None:
    table = table_of(entry.name)
    assert table.problems == ()
    assert 350 < len(table) < 1000
    assert 140 < int(table.named.sum()) < 300
    assert len(table.itabs.fun) >= 6
    assert (np.diff(table.address) > 0).all()
    assert len(set(table.full_names)) == len(table)
    assert {tl.KINDS[kind] for kind in np.unique(table.kind)} >= {"struct", "ptr", "func", "interface", "slice", "map"}


def test_what_every_program_has(entry: Entry) -> None:
    table = table_of(entry.name)
    boolean, error = table.info(table.find("bool")), table.info(table.find("error"))
    assert (boolean.kind, boolean.size, boolean.align, boolean.ptrdata, boolean.package) == ("bool", 1, 1, 0, "")
    assert (error.kind, error.size, error.ptrdata) == ("interface", 16, 16)
    assert [(m.name, m.signature, m.exported) for m in error.methods] == [("Error", "func() string", True)]
    node = table.info(table.find(f"{KINDS}.Node"))
    assert [(f.name, f.type, f.offset) for f in node.fields] == [
        ("Kind", f"{KINDS}.Token", 0),
        ("Name", "string", 8),
        ("Children", f"[]*{KINDS}.Node", 24),
        ("Weight", "float64", 48),
        ("next", f"*{KINDS}.Node", 56),
        ("tags", "map[string]int", 64),
    ]
    assert [(f.exported, f.package) for f in node.fields[3:5]] == [(True, ""), (False, KINDS)]
    both = table.info(table.find(f"{KINDS}.Both"))
    assert [(f.name, f.type, f.embedded) for f in both.fields] == [
        ("Counter", f"*{KINDS}.Counter", True),
        ("Mutex", "sync.Mutex", True),
    ]
    cell = table.info(table.find(f"{KINDS}.cell[string]"))
    assert (cell.size, cell.fields[1].type) == (24, f"*{KINDS}.cell[string]")
    assert table.find("no/such.Type") == -1


def test_references_hold_together(entry: Entry) -> None:
    table = table_of(entry.name)
    wants = tl.HAS_ELEM[table.kind]
    assert (table.elem[wants] >= 0).all()
    assert (table.elem[~wants] == -1).all()
    assert ((table.key >= 0) == (table.kind == tl.MAP)).all()
    pointers = table.pointer >= 0
    assert (table.elem[table.pointer[pointers]] == np.flatnonzero(pointers)).all()
    assert (table.kind[table.itabs.interface] == tl.INTERFACE).all()
    assert (table.fields.offset + table.size[table.fields.type] <= table.size[table.fields.owner]).all()
    functions = made_elf.facts(entry.name).functions
    assert functions is not None
    called = made_elf.facts(entry.name).image.u64s(int(table.itabs.fun[0]), 1)
    assert functions.find(int(called[0])) >= 0


def test_itabs_implement_their_interface(entry: Entry) -> None:
    table = table_of(entry.name)
    for interface, concrete in zip(table.itabs.interface.tolist(), table.itabs.concrete.tolist(), strict=True):
        wanted = {m.name for m in table.methods_of(interface)}
        assert wanted
        assert wanted <= {m.name for m in table.methods_of(concrete)}, table.name(concrete)


@pytest.mark.parametrize("entry", matrix.select(buildmode="pie", cgo=False), ids=str)
def test_the_way_of_linking_does_not_matter(entry: Entry) -> None:
    other = entry.name.replace("-pie", "-exe")
    mine, theirs = table_of(entry.name), table_of(other)
    assert sorted(mine.full_names) == sorted(theirs.full_names)
    for name, row in mine.rows_by_name.items():
        a, b = mine.info(row), theirs.info(theirs.find(name))
        assert (a.size, a.hash, a.fields == b.fields, a.ptrdata) == (b.size, b.hash, _moved(a, b), b.ptrdata)


def _moved(a: object, b: object) -> bool:
    return [(f.name, f.type, f.offset) for f in a.fields] == [(f.name, f.type, f.offset) for f in b.fields] and [
        f.row for f in a.fields
    ] == [f.row for f in b.fields]


@pytest.mark.parametrize("entry", matrix.entries(), ids=str)
def test_an_unknown_release_is_read_by_structure_or_refused(entry: Entry) -> None:
    facts = made_elf.facts(entry.name)
    assert facts.module is not None
    table, known = read_types(facts.image, facts.module, None), table_of(entry.name)
    assert table.full_names == known.full_names
    assert table.fields.offset.tolist() == known.fields.offset.tolist()
    assert table.fields.embedded.tolist() == known.fields.embedded.tolist()


def test_types_are_read_once_and_only_when_asked() -> None:
    facts = load(str(matrix.unpack("go1.26-amd64-exe")))
    assert isinstance(facts.types, TypesOnDemand)
    assert facts.types._table is None
    assert facts.types.read() is facts.types.read()

"""Types of every fixture against DWARF, every Go release, exe and PIE; and a stripped file against its unstripped twin."""

from __future__ import annotations

import json
import lzma
from functools import cache
from typing import TYPE_CHECKING

import pytest

from probes.go import load
from probes.go.types import layouts as tl
from tests import matrix

if TYPE_CHECKING:
    from probes.go.types.table import TypeTable

DWARF = matrix.ROOT / "testdata" / "oracle" / "dwarf.json.xz"
PLAIN = [e.name for e in matrix.entries() if not e.stripped and not e.name.endswith("-dwarf")]
TWINS = [e.name for e in matrix.entries() if e.stripped]


@cache
def said() -> dict[str, dict[str, list]]:
    return json.loads(lzma.decompress(DWARF.read_bytes()))


def table(name: str) -> TypeTable:
    types = load(str(matrix.unpack(name)), examine=False).types
    assert types is not None
    return types.read()


def layouts(found: TypeTable) -> dict[str, tuple]:
    """Everything that a table says of named types, by name and without addresses."""
    rows = range(len(found))
    return {
        found.full_names[row]: (
            found.kind_name(row),
            int(found.size[row]),
            int(found.align[row]),
            int(found.ptrdata[row]),
            tuple((f.name, f.type, f.offset, f.tag, f.embedded) for f in found.fields_of(row)),
            tuple((m.name, m.signature) for m in found.methods_of(row)),
        )
        for row in rows
        if found.named[row]
    }


@pytest.mark.parametrize("name", PLAIN)
def test_structs_are_as_dwarf_has_them(name: str) -> None:
    found, dwarf = table(name), said()[name]
    compared = 0
    for row, base in enumerate(found.base):
        if found.kind[row] == tl.STRUCT and found.named[row] and found.full_names[row] == base and base in dwarf:
            size, fields = dwarf[base]
            assert int(found.size[row]) == size, base
            assert [[f.name, f.offset] for f in found.fields_of(row)] == fields, base
            compared += 1
    assert compared > 40


def test_every_unstripped_fixture_is_held_against_dwarf() -> None:
    assert set(said()) == set(PLAIN)


@pytest.mark.parametrize("name", TWINS)
def test_a_stripped_file_has_the_types_of_its_twin(name: str) -> None:
    ours, twin = layouts(table(name)), layouts(table(name.removesuffix("-stripped")))
    assert len(ours) > 100
    assert ours == twin

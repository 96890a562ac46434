"""Types of package variables held against a plain reading of all DWARF entries by pyelftools."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from elftools.elf.elffile import ELFFile

from probes.go import load
from probes.go.variables.table import read_variables
from probes.go.variables.types import VariableTypes
from tests import matrix
from tests.conftest import first
from tests.drift.type_pairs import CONFIGS, Config, Releases
from tests.oracle.dwarf_types import structs

if TYPE_CHECKING:
    from pathlib import Path

    from probes.dwarf.shapes import Shape


def dwarf_type_names(path: Path) -> dict[str, str]:
    """Name -> name of the type, of every DW_TAG_variable with a fixed address."""
    found = {}
    with path.open("rb") as file:
        for unit in ELFFile(file).get_dwarf_info().iter_CUs():
            for die in unit.get_top_DIE().iter_children():
                location = die.attributes.get("DW_AT_location")
                if die.tag != "DW_TAG_variable" or location is None or list(location.value)[:1] != [3]:  # DW_OP_addr
                    continue
                kind = die.get_DIE_from_attribute("DW_AT_type")
                if "DW_AT_name" in kind.attributes:
                    name = die.attributes["DW_AT_name"].value.decode()
                    found[name] = kind.attributes["DW_AT_name"].value.decode().replace("%2e", ".")
    return found


def shapes(path: Path) -> dict[str, Shape | None]:
    facts = load(str(path), examine=False)
    assert facts.symtab is not None
    assert facts.module is not None
    table = read_variables(facts.image, facts.symtab, facts.module)
    types = VariableTypes(facts, table)
    return {name: types.shape(row) for row, name in enumerate(table.names) if table.packages[row] != "C"}


def agree(path: Path) -> int:
    ours, theirs = shapes(path), dwarf_type_names(path)
    assert {name: shape.name for name, shape in ours.items() if shape is not None} == {
        name: theirs[name] for name, shape in ours.items() if shape is not None
    }
    assert [name for name, shape in ours.items() if shape is None and name in theirs] == []
    fields, seen = structs(path), 0
    for shape in ours.values():
        if shape is not None and shape.underlying == "struct" and shape.name in fields:
            assert (shape.size, tuple((m.name, m.offset) for m in shape.members)) == fields[shape.name]
            seen += 1
    assert seen > 10
    return len(ours)


def test_a_fixture_with_dwarf() -> None:
    assert agree(matrix.unpack("go1.27-amd64-exe-dwarf")) > 250


@pytest.mark.parametrize("config", first(1, CONFIGS), ids=str)
def test_programs_built_here(config: Config, go_toolchain: Path, tmp_path: Path) -> None:
    assert agree(Releases(go_toolchain, tmp_path).path(config, new=True)) > 250

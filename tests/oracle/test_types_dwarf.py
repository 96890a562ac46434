"""Sizes and field offsets held against the debugger's information in the same file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.go import load
from probes.go.types import layouts as tl
from tests import matrix
from tests.oracle.dwarf_types import structs
from tests.oracle.types_program import Mode

if TYPE_CHECKING:
    from pathlib import Path


def _agree(binary: Path) -> int:
    """How many structs are in both; fails on the first that differs."""
    types = load(str(binary)).types
    assert types is not None
    table, dwarf = types.read(), structs(binary)
    both = 0
    for row, name in enumerate(table.base):
        if table.kind[row] == tl.STRUCT and table.named[row] and table.full_names[row] == name and name in dwarf:
            ours = int(table.size[row]), tuple((f.name, f.offset) for f in table.fields_of(row))
            assert ours == dwarf[name], name
            both += 1
    return both


def test_a_fixture_with_dwarf() -> None:
    assert _agree(matrix.unpack("go1.27-amd64-exe-dwarf")) > 70


def test_a_program_built_here(go_toolchain: Path, tmp_path: Path) -> None:
    assert _agree(Mode("dwarf").build(go_toolchain, tmp_path / "types")) > 200

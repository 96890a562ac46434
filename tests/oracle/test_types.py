"""The types that we read from a binary, held against what reflect says inside of the running program."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from msgspec import structs

from probes.go import load
from scripts.programs.gobuild import can_build_cgo, host_arch
from tests.conftest import first, missing
from tests.oracle.types_program import FOREIGN, MODES, Mode, differences, said

if TYPE_CHECKING:
    from pathlib import Path

    from probes.go.types.table import TypeTable


@pytest.fixture(scope="module")
def oracle(go_toolchain: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    if host_arch() != "amd64":
        missing("the programs are built for amd64")
    return said(MODES[0].build(go_toolchain, tmp_path_factory.mktemp("types") / "oracle"))


def _table(binary: Path) -> TypeTable:
    types = load(str(binary)).types
    assert types is not None
    return types.read()


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_what_reflect_says(mode: Mode, go_toolchain: Path, tmp_path: Path) -> None:
    if mode.cgo and not can_build_cgo(mode.goarch):
        missing("no C compiler")
    if host_arch() != mode.goarch:
        missing("the program has to run here")
    binary = mode.build(go_toolchain, tmp_path / "types")
    table, wanted = _table(binary), said(binary)
    assert len(wanted) > 100
    assert table.problems == ()
    assert differences(table, wanted) == []


@pytest.mark.parametrize("mode", first(1, FOREIGN), ids=str)
def test_another_architecture_has_the_same_layouts(
    mode: Mode, oracle: list[dict[str, object]], go_toolchain: Path, tmp_path: Path
) -> None:
    table = _table(mode.build(go_toolchain, tmp_path / "types"))
    assert table.problems == ()
    assert differences(table, oracle) == []


def test_the_oracle_notices(oracle: list[dict[str, object]], go_toolchain: Path, tmp_path: Path) -> None:
    """Shift one field, and swap two: the comparison has to say so."""
    table = _table(MODES[0].build(go_toolchain, tmp_path / "types"))
    row = table.find("example.com/types/shapes.Padded")
    first = int(table.fields.first[row])
    offset = table.fields.offset.copy()
    offset[first + 1] += 1
    lines = differences(structs.replace(table, fields=structs.replace(table.fields, offset=offset)), oracle)
    assert len(lines) == 1
    assert lines[0].startswith("example.com/types/shapes.Padded: Fields")
    size = np.where(np.arange(len(table)) == row, table.size + 8, table.size)
    assert "Size" in differences(structs.replace(table, size=size), oracle)[0]

"""The unwind table: where C functions are in a stripped file, against the symbol table of the same program."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest

from probes.elf.eh_frame import frame_ranges
from probes.elf.symbols import STT_FUNC
from probes.errors import ProbeError
from probes.go import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CGO = ["go1.27-amd64-pie-cgo", "go1.25-amd64-exe-cgo", "go1.27-arm64-pie-cgo", "go1.19-amd64-pie-cgo"]


@pytest.mark.parametrize("name", CGO)
def test_every_c_function_with_a_symbol_has_a_frame(name: str, binary: Callable[[str], Path]) -> None:
    facts = load(str(binary(name)))
    assert facts.symtab is not None
    ranges = frame_ranges(facts.image)
    assert ranges is not None
    known = {(int(a), int(b)) for a, b in zip(*ranges, strict=True)}
    rows = np.flatnonzero((facts.symtab.kind == STT_FUNC) & (facts.symtab.size > 0) & (facts.symtab.section != 0))
    cgo = [r for r in rows.tolist() if facts.symtab.name(r).startswith("x_cgo_")]
    assert len(cgo) >= 5
    for row in cgo:
        start = int(facts.symtab.value[row])
        assert (start, start + int(facts.symtab.size[row])) in known, facts.symtab.name(row)


def test_a_program_of_go_alone_has_none(binary: Callable[[str], Path]) -> None:
    assert frame_ranges(load(str(binary("go1.27-amd64-exe"))).image) is None


@pytest.mark.parametrize("count", [1 << 20, 0xFFFFFFFF])
def test_a_count_beyond_the_table_is_an_error(count: int, binary: Callable[[str], Path], tmp_path: Path) -> None:
    original = binary(CGO[0])
    facts = load(str(original))
    segment = next(s for s in facts.image.elf.segments if s.kind == "PT_GNU_EH_FRAME")
    raw = bytearray(original.read_bytes())
    struct.pack_into("<I", raw, segment.offset + 8, count)
    damaged = tmp_path / "damaged"
    damaged.write_bytes(raw)
    image = load(str(damaged)).image
    with pytest.raises(ProbeError, match="unwind table claims"):
        frame_ranges(image)


def test_a_table_that_contradicts_its_records_is_not_believed(binary: Callable[[str], Path], tmp_path: Path) -> None:
    original = binary(CGO[0])
    facts = load(str(original))
    segment = next(s for s in facts.image.elf.segments if s.kind == "PT_GNU_EH_FRAME")
    raw = bytearray(original.read_bytes())
    raw[segment.offset + 12] ^= 4  # the first function's start
    damaged = tmp_path / "damaged"
    damaged.write_bytes(raw)
    assert frame_ranges(load(str(damaged)).image) is None

"""What one side of a comparison knows about its own memory."""

from __future__ import annotations

import numpy as np
import pytest

from gate.engine.binaries import load_binary
from probes.drift.side import Side
from tests.matrix import unpack


@pytest.mark.parametrize("name", ["go1.27-amd64-exe-cgo", "go1.27-amd64-pie-cgo", "go1.27-arm64-exe"])
def test_a_constant_ends_where_its_section_does(name: str) -> None:
    """The last C string of .rodata was compared on into the function table behind it, which changes with every build."""
    facts = load_binary(str(unpack(name)))
    assert facts.functions is not None
    assert facts.module is not None
    starts = Side(facts, facts.functions, facts.module).data_starts
    rodata = facts.image.elf.section(".rodata")
    assert rodata is not None
    assert {rodata.addr, rodata.addr + rodata.size} <= set(starts.tolist())
    assert (np.diff(starts) > 0).all()

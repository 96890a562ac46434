"""What one side of a comparison knows about its own memory."""

from __future__ import annotations

import numpy as np
import pytest

from gate.engine.binaries import load_binary
from probes.drift.side import Side
from probes.go import load
from tests import matrix
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


@pytest.mark.parametrize("name", ["go1.27-amd64-exe", "go1.27-amd64-pie-cgo", "go1.27-arm64-exe"])
def test_regions_by_their_edges_are_those_by_every_range(name: str) -> None:
    facts = load(str(matrix.unpack(name)))
    assert facts.functions is not None
    assert facts.module is not None
    side = Side(facts, facts.functions, facts.module)
    edges = side._region_edges[0]
    far = np.random.default_rng(7).integers(-(1 << 40), int(edges.max()) + (1 << 20), 50_000)
    places = np.concatenate([edges - 1, edges, edges + 1, far])
    assert (side.regions(places) == side._regions(places)).all()
    assert len(set(side.regions(places).tolist())) > 3

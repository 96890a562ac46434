"""What the runtime reads before main: whole in every good file, and seen when it is damaged.

`make damages` runs a thousand damaged programs; here some damages of each part are made and only looked at.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from probes.go import load
from probes.go.startup import startup_faults
from scripts.truth.damages import damages, parts
from tests import matrix
from tests.conftest import first
from tests.made_elf import damaged, facts, place

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ["go1.21-arm64-exe", "go1.25-amd64-pie-cgo", "go1.25-amd64-exe", "go1.27-amd64-exe"]


def test_a_good_file_has_no_fault(entry) -> None:
    found = facts(entry.name)
    assert startup_faults(found.image, found.module, found.functions) == ()


def kinds(path: Path) -> set[str]:
    health = load(str(path)).health
    return {fault.kind for fault in health.start_faults} | ({"unverifiable"} if health.unverifiable else set())


def write(tmp_path: Path, name: str, address: int, raw: bytes) -> set[str]:
    return kinds(damaged(tmp_path, name, (place(name, address), raw)))


@pytest.mark.parametrize("name", NAMES)
def test_each_check(name: str, tmp_path: Path) -> None:
    found = facts(name)
    module, image = found.module, found.image
    assert module is not None
    word = (0x1234).to_bytes(8, "little")
    tasks = module.inittasks
    assert tasks is not None
    first = image.u64(tasks.ptr)
    itab = image.u64(module.itablinks.ptr) if module.itablinks.len else module.itabs[0]
    expected = {
        (tasks.ptr, word): "initialiser",
        (tasks.ptr, image.u64(tasks.ptr + 8).to_bytes(8, "little")): "initialiser",
        (first, b"\x02"): "initialiser",
        (first + 4, bytes(4)): "initialiser",
        (first + 8, word): "initialiser",
        (itab, word): "itab",
        (itab + 8, word): "itab",
        (itab + 16, b"\x01\x02\x03\x04"): "itab",
        (module.gcdata, b"\x00"): "pointer-mask",
        (module.gcbss, b"\x00"): "pointer-mask",
    }
    if module.itablinks.len:
        expected[module.itablinks.ptr, word] = "itab-link"
        expected[module.itablinks.ptr, image.u64(module.itablinks.ptr + 8).to_bytes(8, "little")] = "itab-link"
    table = image.u64(module.address + 152)
    expected[table, b"\xff\xff\xff"] = "findfunctab"
    relocated = {int(at) for piece in image.relocated for at in piece.tolist()}
    for (address, raw), kind in expected.items():
        if address in relocated:  # what is written there is overwritten by the loader
            continue
        assert {kind, "unverifiable"} & write(tmp_path, name, address, raw), (hex(address), kind)


def test_a_pointer_that_leads_nowhere(tmp_path) -> None:
    name = "go1.25-amd64-exe"
    found = facts(name)
    assert found.module is not None
    start, end = found.module.data[1]
    pointer = next(at for at in range(start, end, 8) if found.module.types <= found.image.u64(at) < found.module.etypes)
    seen = set()
    for at in range(pointer - 64, pointer + 64, 8):
        seen |= write(tmp_path, name, at, b"\x01\x02\x03\x04\x05\x06\x07")
    assert "pointer" in seen


@pytest.mark.parametrize("name", first(1, NAMES))
def test_damages_never_end_in_a_traceback(name: str, tmp_path: Path) -> None:
    found = facts(name)
    data = matrix.unpack(name).read_bytes()
    assert len(parts(found)) > 8
    seen = 0
    for damage in damages(found, 60, seed=random.Random(name).randrange(1 << 30)):
        path = tmp_path / "damaged"
        path.write_bytes(damage.apply(data))
        try:
            seen += bool(kinds(path))
        except Exception as exc:
            from probes.errors import ProbeError  # noqa: PLC0415

            if not isinstance(exc, ProbeError):
                raise
            seen += 1
    assert seen >= 10

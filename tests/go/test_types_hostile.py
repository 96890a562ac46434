"""Damaged type descriptors: a typed error or a noted problem, soon, and within bounds; never a traceback or a wrong read."""

from __future__ import annotations

import itertools
import random
import struct
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from probes.drift.types.compare import layout_drift, reached
from probes.errors import MalformedTable
from probes.go import load
from probes.go.types import layouts as tl
from probes.go.types.full_names import GROWTH
from probes.go.types.reading import read_types
from tests import made_elf
from tests.conftest import first

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from probes.go.types.table import TypeTable

FIXTURES = ("go1.21-amd64-exe", "go1.26-amd64-exe", "go1.27-amd64-exe")
SECONDS = 60
Write = tuple[int, bytes]


def _whole(name: str) -> TypeTable:
    types = made_elf.facts(name).types
    assert types is not None
    return types.read()


def _read(path: Path) -> TypeTable:
    types = load(str(path)).types
    assert types is not None
    return types.read()


def _use(table: TypeTable, other: TypeTable) -> None:
    """Everything that anybody can ask of a table."""
    assert len(table.full_names) == len(table)
    assert sum(map(len, table.base)) <= (GROWTH + 1) * table.image.data.size
    for row in range(len(table)):
        table.info(row)
    for old, new in ((table, other), (other, table)):
        drift = layout_drift(old, new)
        for name in ("example.com/fixture/internal/kinds.Node", "runtime.moduledata", "*runtime._type"):
            reached(drift, name)


def _row(table: TypeTable, kind: int) -> int:
    rows = [r for r in range(len(table)) if table.kind[r] == kind and table.pointer[r] < 0]
    return max(rows, key=lambda r: int(table.fields.first[r + 1] - table.fields.first[r]))


def _q(value: int) -> bytes:
    return struct.pack("<Q", value % (1 << 64))


def _d(value: int) -> bytes:
    return struct.pack("<I", value % (1 << 32))


# (what, kind of the descriptor, where in it, bytes): each has to be noticed.
NOTICED: tuple[tuple[str, int, int, bytes], ...] = (
    ("kind 0", tl.STRUCT, 23, b"\0"),
    ("kind 31", tl.POINTER, 23, b"\x1f"),
    ("alignment 3", tl.SLICE, 21, b"\3"),
    ("size of a pointer", tl.POINTER, 0, _q(16)),
    ("size 2^62", tl.STRUCT, 0, _q(1 << 62)),
    ("pointer bytes beyond the size", tl.STRUCT, 8, _q(1 << 40)),
    ("name offset outside", tl.STRUCT, 40, _d(0x7FFFFFFF)),
    ("name offset negative", tl.STRUCT, 40, _d(-5)),
    ("element outside", tl.SLICE, 48, _q(1 << 60)),
    ("element null", tl.POINTER, 48, _q(0)),
    ("element not aligned", tl.POINTER, 48, _q(0x400001)),
    ("direction 0", tl.CHAN, 56, _q(4)),
    ("length negative", tl.ARRAY, 64, _q(-1)),
    ("pointer type outside", tl.STRUCT, 44, _d(0x7FFFFFF8)),
    ("package path negative", tl.STRUCT, 80, _d(-2)),
    ("key outside", tl.MAP, 48, _q(1 << 50)),
    ("fields outside", tl.STRUCT, 56, _q(1 << 55)),
    ("fields count", tl.STRUCT, 64, _q(0xFFFF)),
    ("fields count 2^63", tl.STRUCT, 64, _q(1 << 63)),
    ("methods count of an interface", tl.INTERFACE, 64, _q(0xFFFFFF)),
    ("parameters", tl.FUNC, 48, _d(0xFFFFFFFF)),
)


@pytest.mark.parametrize("name", first(16, FIXTURES))
@pytest.mark.parametrize("case", NOTICED, ids=lambda case: case[0])
def test_a_contradiction_is_noticed(case: tuple[str, int, int, bytes], name: str, tmp_path: Path) -> None:
    _, kind, offset, raw = case
    whole = _whole(name)
    at = int(whole.address[_row(whole, kind)]) + offset
    path = made_elf.damaged(tmp_path, name, (made_elf.place(name, at), raw))
    try:
        table = _read(path)
    except MalformedTable as exc:
        assert exc.subject == str(path)  # noqa: PT017 - either end is right
        return
    assert table.problems
    _use(table, whole)


@pytest.mark.parametrize("name", FIXTURES)
def test_uncommon_records(name: str, tmp_path: Path) -> None:
    whole = _whole(name)
    counts = np.diff(whole.methods.first)
    row = int(np.flatnonzero((whole.kind == tl.STRUCT) & (counts > 0))[0])
    at = int(whole.address[row]) + 80
    for offset, raw in ((0, _d(0x7FFFFFF0)), (0, _d(-2)), (4, b"\xff\xff"), (8, _d(0xFFFFFFF8)), (8, _d(20))):
        path = made_elf.damaged(tmp_path, name, (made_elf.place(name, at + offset), raw))
        try:
            table = _read(path)
        except MalformedTable:
            continue
        assert table.problems
        _use(table, whole)


@pytest.mark.parametrize("name", FIXTURES)
def test_a_name_that_does_not_end(name: str, tmp_path: Path) -> None:
    whole = _whole(name)
    row = whole.find("example.com/fixture/internal/kinds.Node")
    types = whole.image.u32(int(whole.address[row]) + 40)
    at = _types_start(name) + types
    for raw in (b"\x01\xff\xff\xff\xff\xff\xff", b"\x01\xff\xff\xff\x7f", b"\xf1\x05"):
        table = _read(made_elf.damaged(tmp_path, name, (made_elf.place(name, at), raw)))
        assert any("names that are damaged" in problem for problem in table.problems)
        _use(table, whole)


@pytest.mark.parametrize("name", FIXTURES)
def test_cycles_of_elements(name: str, tmp_path: Path) -> None:
    whole = _whole(name)
    pointers = [r for r in range(len(whole)) if whole.kind[r] == tl.POINTER and not whole.named[r]][:2]
    one, two = (int(whole.address[r]) for r in pointers)
    for writes in (((one, one),), ((one, two), (two, one))):
        edits = [(made_elf.place(name, at + 48), _q(to)) for at, to in writes]
        table = _read(made_elf.damaged(tmp_path, name, *edits))
        row = table.address.tolist().index(one)
        assert int(table.address[table.elem[row]]) in {one, two}
        _use(table, whole)


def test_names_that_double_stay_bounded(tmp_path: Path) -> None:
    """Structs of two fields of the struct before, each claiming a short name: composed, they would be 2^40 long."""
    name = "go1.26-amd64-exe"
    whole = _whole(name)
    structs = [
        r
        for r in range(len(whole))
        if whole.kind[r] == tl.STRUCT and whole.fields.first[r + 1] - whole.fields.first[r] >= 2
    ]
    lengths = sorted(structs, key=lambda r: len(whole.strings[r]))
    edits: list[Write] = []
    for before, row in itertools.pairwise(lengths):
        at = int(whole.address[row])
        flags = int(whole.tflag[row]) & ~tl.TFLAG_NAMED
        edits.append((made_elf.place(name, at + 20), bytes([flags])))
        fields = whole.image.u64(at + 56)
        for number in (0, 1):
            edits.append((made_elf.place(name, fields + 24 * number + 8), _q(int(whole.address[before]))))
            edits.append((made_elf.place(name, fields + 24 * number + 16), _q(0)))
    table = _read(made_elf.damaged(tmp_path, name, *edits))
    _use(table, whole)
    assert len(table) == len(whole)
    assert sum(map(len, table.strings)) <= 2 * sum(map(len, whole.strings))


def test_a_long_chain_is_refused(tmp_path: Path) -> None:
    name = "go1.26-amd64-exe"
    whole = _whole(name)
    row = next(r for r in range(len(whole)) if whole.kind[r] == tl.POINTER and not whole.named[r])
    record = bytearray(whole.image.bytes(int(whole.address[row]), 56).tobytes())
    record[20] = 0
    facts = made_elf.facts(name)
    assert facts.module is not None
    start = (facts.module.etypes - 2000 * 56) // 8 * 8
    edits = [(made_elf.place(name, int(whole.address[row]) + 48), _q(start))]
    for number in range(1999):
        record[48:56] = _q(start + 56 * (number + 1))
        edits.append((made_elf.place(name, start + 56 * number), bytes(record)))
    began = time.perf_counter()
    with pytest.raises(MalformedTable, match="chain of more than 1000"):
        _read(made_elf.damaged(tmp_path, name, *edits))
    assert time.perf_counter() - began < SECONDS


def test_lists_that_overlap_are_refused(tmp_path: Path) -> None:
    """Every struct claims the same thousand fields."""
    name = "go1.26-amd64-exe"
    whole, module = _whole(name), made_elf.facts(name).module
    assert module is not None
    edits = []
    for row in range(len(whole)):
        if whole.kind[row] == tl.STRUCT:
            at = int(whole.address[row])
            edits += [(made_elf.place(name, at + 56), _q(module.types + 64)), (made_elf.place(name, at + 64), _q(2000))]
    with pytest.raises(MalformedTable, match="overlap"):
        _read(made_elf.damaged(tmp_path, name, *edits))


@pytest.mark.parametrize(
    "fill", [bytes(4), b"\xff" * 4, struct.pack("<i", -8), struct.pack("<i", 7), struct.pack("<i", 1 << 30)], ids=str
)
def test_links_that_lead_nowhere(fill: bytes, tmp_path: Path) -> None:
    name = "go1.26-amd64-exe"
    module = made_elf.facts(name).module
    assert module is not None
    links = (made_elf.place(name, module.typelinks.ptr), fill * module.typelinks.len)
    itabs = (made_elf.place(name, module.itablinks.ptr), (fill * 2) * module.itablinks.len)
    table = _read(made_elf.damaged(tmp_path, name, links, itabs))
    assert table.find("error") >= 0  # its descriptor has the shape of one
    assert table.problems
    _use(table, _whole(name))


@pytest.mark.parametrize("value", [0, 8, 9, 1 << 20, 1 << 63])
def test_the_length_of_listed_types(value: int, tmp_path: Path) -> None:
    name = "go1.27-amd64-exe"
    module = made_elf.facts(name).module
    assert module is not None
    path = made_elf.damaged(tmp_path, name, (made_elf.place(name, module.address + 304), _q(value)))
    try:
        _use(_read(path), _whole(name))
    except MalformedTable as exc:
        assert exc.what  # noqa: PT017 - either end is right


def _types_start(name: str) -> int:
    module = made_elf.facts(name).module
    assert module is not None
    return module.types


def _flips(rng: random.Random, whole: TypeTable, name: str) -> list[Write]:
    """A few edge values into descriptors, field lists, and names."""
    out: list[Write] = []
    for _ in range(rng.choice((1, 2, 8, 40))):
        at = int(whole.address[rng.randrange(len(whole))]) + 4 * rng.randrange(30)
        now = whole.image.u32(at)
        value = rng.choice((0, 1, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, now + 8, now - 8, now ^ 1 << rng.randrange(32)))
        out.append((made_elf.place(name, at), _d(value)))
    return out


def _swaps(rng: random.Random, whole: TypeTable, name: str) -> list[Write]:
    """Descriptors over other descriptors."""
    out: list[Write] = []
    for _ in range(rng.choice((1, 4))):
        one, two = (int(whole.address[rng.randrange(len(whole))]) for _ in range(2))
        size = rng.choice((8, 48, 56, 80, 200))
        out.append((made_elf.place(name, one), whole.image.bytes(two, size).tobytes()))
    return out


@pytest.mark.parametrize("make", [_flips, _swaps])
@pytest.mark.parametrize("name", first(1, FIXTURES))
def test_chance_damage(name: str, make: Callable[[random.Random, TypeTable, str], list[Write]], tmp_path: Path) -> None:
    whole, rng = _whole(name), random.Random(27)
    ends = {"table": 0, "refused": 0}
    for _ in range(25):
        began = time.perf_counter()
        path = made_elf.damaged(tmp_path, name, *make(rng, whole, name))
        try:
            table = _read(path)
        except MalformedTable:
            ends["refused"] += 1
        else:
            ends["table"] += 1
            _use(table, whole)
        assert time.perf_counter() - began < SECONDS
    assert ends["table"] > 0


def test_an_unknown_release_with_a_problem_is_refused(tmp_path: Path) -> None:
    name = "go1.27-amd64-exe"
    whole = _whole(name)
    at = int(whole.address[_row(whole, tl.POINTER)])
    facts = load(str(made_elf.damaged(tmp_path, name, (made_elf.place(name, at + 48), _q(0)))))
    assert facts.module is not None
    assert read_types(facts.image, facts.module, 27).problems
    for minor in (28, None):
        with pytest.raises(MalformedTable, match="unknown Go release"):
            read_types(facts.image, facts.module, minor)
    whole_facts = made_elf.facts(name)
    assert whole_facts.module is not None
    assert len(read_types(whole_facts.image, whole_facts.module, 28)) == len(whole)


def test_a_walk_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _whole("go1.27-amd64-exe")
    drift = layout_drift(whole, whole)
    monkeypatch.setattr("probes.drift.types.reach.MAX_VISITS", 3)
    with pytest.raises(MalformedTable, match="without end"):
        reached(drift, "example.com/fixture/internal/kinds.Node")

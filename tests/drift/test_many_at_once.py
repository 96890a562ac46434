"""What is found out of many things at once is what each of them says by itself."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import pytest

from probes.drift.addresses.local_types import LocalTypes
from probes.drift.arch.amd64.decoder import Amd64Code
from probes.drift.arch.amd64.instruction import REGISTERS, Memory
from probes.drift.functions import explain
from probes.drift.functions.inlined import holding
from probes.drift.functions.judge import Judgement
from probes.drift.functions.numbered_names import family, siblings
from probes.drift.functions.scan import BLOCK, COVER, _inside
from probes.drift.side import Side
from probes.drift.types.local_numbers import local_numbers
from probes.go import load
from probes.go.table.inlining import inline_runs, inline_tree, inlined_names
from probes.go.table.pc_values import value_at
from tests.drift.test_local_types import built
from tests.drift.test_lockstep import bodies
from tests.made_elf import facts as binary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from probes.drift.arch.code import Insn
    from probes.go.table.functions import FuncTable

NAMES = ("go1.26-amd64-exe", "go1.27-amd64-pie-cgo")


def instructions(name: str, number: int) -> Iterator[tuple[Amd64Code, range]]:
    for code, address in bodies(name, number, 7):
        found = Amd64Code(code, address)
        yield found, range(len(found))


@pytest.mark.parametrize("name", NAMES)
def test_constants_of_many_instructions(name: str) -> None:
    plain = alone = framed = 0
    for code, every in instructions(name, 150):
        if not every:
            continue
        indices = np.array(every, dtype=np.int64)
        found = code.constants(indices)
        stack = code.framed(indices).tolist()
        for index, count, first, last in zip(
            every, found.count.tolist(), found.first.tolist(), found.last.tolist(), strict=True
        ):
            insn = code.insn(index)
            assert code.offset(index) == insn.offset
            if insn.target is not None:
                assert count == -1
                alone += 1
            elif count >= 0:
                assert (first, last)[2 - count :] == insn.constants
                assert stack[index] == insn.frame
                plain += 1
                framed += insn.frame
    assert min(plain, alone, framed) > 500


def test_constants_of_bytes_that_are_no_code() -> None:
    rng = random.Random(3)
    for _ in range(60):
        code = Amd64Code(rng.randbytes(400), 0x400000)
        indices = np.arange(len(code))
        found = code.constants(indices)
        for index in indices.tolist():
            count = int(found.count[index])
            if count >= 0:
                expected = code.insn(index)
                assert expected.target is None
                assert (int(found.first[index]), int(found.last[index]))[2 - count :] == expected.constants


def named(code: Amd64Code, index: int) -> set[int]:
    """The registers that capstone's text of an instruction names."""
    out = set()
    for operand in code._raw(index).operands:
        parts = (operand.base, operand.indexed_by) if isinstance(operand, Memory) else (operand,)
        out |= {REGISTERS[part][0] for part in parts if part in REGISTERS}
    return out


@pytest.mark.parametrize("name", NAMES)
def test_no_register_that_is_named_goes_unmentioned(name: str) -> None:
    unmentioned = 0
    for code, every in instructions(name, 150):
        for index in every:
            # A count in CL is no operand that is read at, or written.
            for register in named(code, index) - {1}:
                assert code.mentions(index, register), code.insn(index)
            unmentioned += sum(not code.mentions(index, register) for register in range(16))
    assert unmentioned > 10_000


def test_no_register_goes_unmentioned_in_bytes_that_are_no_code() -> None:
    rng = random.Random(5)
    for _ in range(40):
        code = Amd64Code(rng.randbytes(300), 0x400000)
        for index in range(len(code)):
            for register in named(code, index) - {1}:
                assert code.mentions(index, register), code.code[code.offset(index) :][:15].hex()


def test_siblings_are_all_of_a_family_and_few_others() -> None:
    names = [*binary("go1.27-amd64-exe").functions.names, "a.f#.func1", "a.f.func#", "main.µ.func12", "type:.eq.x·3"]
    families: dict[str, list[int]] = defaultdict(list)
    for index, name in enumerate(names):
        key = family(name)
        if key is not None:
            families[key].append(index)
    wanted = set(random.Random(1).sample(sorted(families), 40)) | {"type:.eq.x·#", "main.µ.func#"}
    expected = {index for key in wanted for index in families[key]}
    found = siblings(names, wanted)
    assert found == sorted(found)
    assert expected <= set(found)
    assert len(found) <= 2 * len(expected) + 20
    assert siblings([], wanted) == []


def test_places_within_windows() -> None:
    rng = np.random.default_rng(1)
    for count, total in ((0, 10), (5, 40), (4000, 3 * BLOCK), (3 * BLOCK, 3 * BLOCK)):
        places = np.sort(rng.choice(total, min(total, 500), replace=False)) + 17
        windows = np.sort(rng.choice(total, min(count, total), replace=False))
        covered = {int(at) + step for at in windows for step in range(COVER)} if count < BLOCK else None
        found = _inside(places, windows).tolist()
        if covered is not None:
            assert found == [place in covered for place in places.tolist()]
        else:
            assert found == [place < total + COVER - 1 for place in places.tolist()]
    edges = np.array([BLOCK - 2], dtype=np.int64)  # a window across two pieces
    around = np.arange(BLOCK - 4, BLOCK + 4, dtype=np.int64)
    assert _inside(np.concatenate(([0], around)), edges)[1:].tolist() == [0 <= at - BLOCK + 2 < COVER for at in around]


def one_place_after_the_other(table: FuncTable, row: int, places: tuple[int, ...]) -> tuple[set[str], bool]:
    """The way up from each place to the function itself, as far as names are new."""
    runs, tree = inline_runs(table, row), inline_tree(table, row)
    names: set[str] = set()
    covered = bool(places)
    for offset in places:
        record = value_at(runs, offset)
        covered &= record >= 0
        while 0 <= record < len(tree) and tree[record].name not in names:
            call = tree[record]
            names.add(call.name)
            record = value_at(runs, call.parent_pc) if call.call_file < 0 else call.parent
    return names, covered


@pytest.mark.parametrize("name", ["go1.19-amd64-exe", "go1.27-amd64-exe"])
def test_inlined_functions_that_hold_a_place(name: str) -> None:
    table = binary(name).functions
    rng, seen = random.Random(4), 0
    for row in range(0, len(table), 7):
        tree = inline_tree(table, row)
        assert inlined_names(table, row) == {call.name for call in tree}
        if not tree:
            continue
        offsets = tuple(range(0, table.size(row), 5))
        assert holding(table, row, offsets) == one_place_after_the_other(table, row, offsets)
        few = tuple(sorted(rng.sample(offsets, min(len(offsets), 20))))
        names, _ = found = holding(table, row, few)
        assert found == one_place_after_the_other(table, row, few)
        seen += len(names)
    assert seen > 100


@pytest.mark.parametrize("stripped", [False, True])
def test_numbers_of_local_types(tmp_path: Path, go_toolchain: Path, stripped: bool) -> None:
    paths = [built(go_toolchain, tmp_path / name, first=name == "new", stripped=stripped) for name in ("old", "new")]
    sides = [Side(facts, facts.functions, facts.module) for facts in (load(str(path)) for path in paths)]
    tables = [side.facts.types.read() for side in sides]
    known, alone = local_numbers(*tables), LocalTypes(*sides)
    pairs = [(a, b) for a in known.numbers[0] for b in known.numbers[1]]
    found = [known.alike(*pair) for pair in pairs]
    assert found == [alone._alike(*pair) for pair in pairs]
    assert {True, False} == set(found)
    assert known.alike(int(tables[0].address[0]) + 1, int(tables[1].address[0])) is False
    assert local_numbers(tables[0], tables[0]).numbers == ({}, {})


def test_many_constants_are_told_as_one_by_one(monkeypatch) -> None:
    rng = random.Random(9)
    for code, address in bodies("go1.27-amd64-exe", 40, 2):
        old, new = Amd64Code(code, address), Amd64Code(code, address)
        plain = [i for i in range(len(old)) if old.insn(i).target is None and old.insn(i).constants]
        assert len(new) == len(old)
        for index in rng.sample(plain, min(len(plain), 60)):
            insn: Insn = new.insn(index)
            changed = bytearray(new.code)
            changed[insn.offset + insn.size - 1] ^= 1  # the last byte is one of a constant
            new.code = bytes(changed)
        new._known.clear()
        pairs = [(i, i) for i in plain if old.insn(i).constants != new.insn(i).constants]
        found = Judgement(0, 0, old, new, lockstep=True, constants=pairs)
        monkeypatch.setattr(explain, "TOGETHER", 1 << 30)
        one_by_one = explain._constants(found)
        monkeypatch.setattr(explain, "TOGETHER", 1)
        assert explain._constants(found) == one_by_one
        assert bool(one_by_one) == bool(pairs)

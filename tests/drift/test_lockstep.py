"""Walking many functions at once gives what walking them one by one does."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from probes.drift.arch import lockstep
from probes.drift.arch.amd64 import lockstep as at_once
from probes.drift.arch.amd64.decoder import Amd64Code
from probes.drift.arch.code import BRANCH, CALL
from probes.drift.side import Side
from tests.conftest import first
from tests.made_elf import facts as binary

if TYPE_CHECKING:
    from probes.drift.arch.lockstep import Steps


def bodies(name: str, number: int, seed: int) -> list[tuple[bytes, int]]:
    """Code and address of some functions of a fixture."""
    facts = binary(name)
    side = Side(facts, facts.functions, facts.module)
    rows = random.Random(seed).sample(range(len(facts.functions)), number)
    return [
        (side.image.bytes(int(side.text.entry[r]), int(side.text.size[r])).tobytes(), int(side.text.entry[r]))
        for r in rows
    ]


def fresh(code: tuple[bytes, int]) -> Amd64Code:
    return Amd64Code(*code)


def whole(code: tuple[bytes, int]) -> Amd64Code:
    """Decoded throughout, by itself."""
    found = fresh(code)
    assert len(found) or not found.code
    return found


def worth_a_look(found: Steps, old: Amd64Code, new: Amd64Code, *, level: bool) -> Steps:
    """Of all steps, those that can say something: an address, other constants."""
    if found is None:
        return None
    out = []
    for a, b in found:
        ours, theirs = old.insn(a), new.insn(b)
        if ours.target is None and theirs.target is None and ours.constants == theirs.constants:
            continue
        if level and ours.kind in {BRANCH, CALL}:
            here = ours.target - old.address
            size = ours.offset + ours.size
            if 0 <= here < len(old.code) and old.code[ours.offset : size] == new.code[ours.offset : size]:
                continue
        out.append((a, b))
    return out


def changed(code: bytes, rng: random.Random, edits: int) -> bytes:
    out = bytearray(code)
    for _ in range(edits if out else 0):
        out[rng.randrange(len(out))] = rng.randrange(256)
    return bytes(out)


EDITS = {"same": 0, "a byte": 1, "some bytes": 6}


@pytest.mark.parametrize("edits", first(1, EDITS.values()), ids=EDITS)
def test_bodies_of_any_length(edits: int) -> None:
    rng = random.Random(edits)
    pairs = []
    for code, address in bodies("go1.26-amd64-exe", 400, 1):
        other = changed(code, rng, edits)
        cut = rng.choice([0, 0, 0, 1, 5])
        pairs.append(
            ((code, address), (other[: len(other) - cut] + rng.choice([b"", b"\x90", b"\x0f\x1f\x00"]), address + 64))
        )
    together = at_once.steps([(fresh(old), fresh(new)) for old, new in pairs])
    alone = lockstep.steps([(fresh(old), fresh(new)) for old, new in pairs])
    expected = [
        worth_a_look(found, whole(old), whole(new), level=False) for found, (old, new) in zip(alone, pairs, strict=True)
    ]
    assert together == expected
    assert edits or any(found is not None and len(found) > 3 for found in together)
    assert not edits or any(found is None for found in together)


@pytest.mark.parametrize("edits", EDITS.values(), ids=EDITS)
def test_bodies_of_one_length(edits: int) -> None:
    rng = random.Random(edits)
    cases = []
    for code, address in bodies("go1.27-amd64-pie-cgo", 400, 2):
        other = changed(code, rng, edits)
        places = {i for i, (a, b) in enumerate(zip(code, other, strict=True)) if a != b}
        places |= {rng.randrange(len(code)) for _ in range(4)} if code else set()
        cases.append(((code, address), (other, address + 4096), sorted(places)))
    together = at_once.level_steps([(fresh(old), fresh(new), places) for old, new, places in cases])
    alone = lockstep.level_steps([(fresh(old), fresh(new), places) for old, new, places in cases])
    for got, wanted, (old, new, _) in zip(together, alone, cases, strict=True):
        reduced = [worth_a_look(found, whole(old), whole(new), level=True) for found in (got, wanted)]
        assert reduced[0] == reduced[1]
    assert edits or any(together)
    assert edits < 6 or any(found is None for found in together)


def test_the_end_of_a_function_is_the_end_of_its_last_instruction() -> None:
    """Behind a truncated instruction, the next function's first bytes do not belong to it."""
    cut, whole = (b"\x48\x8d", 0), (b"\x05\x00\x00\x00\x00\xc3", 16)
    (first, second) = fresh(cut), fresh(whole)
    assert at_once.steps([(first, second), (fresh(whole), fresh(whole))]) == [None, []]
    assert (len(first), len(second)) == (len(fresh(cut)), len(fresh(whole)))
    swallowed = fresh((b"\xc3", 32))
    assert at_once.steps([(fresh(cut), swallowed)]) == [None]
    assert len(swallowed) == 1


def test_there_may_be_nothing_to_walk() -> None:
    assert at_once.steps([]) == at_once.level_steps([]) == []
    assert at_once.steps([(fresh((b"", 0)), fresh((b"", 0)))]) == [[]]
    assert at_once.level_steps([(fresh((b"", 0)), fresh((b"", 0)), [])]) == [[]]

"""Known changes of a few bytes, with what must be said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from probes.drift import compare
from probes.drift import compare_functions as code_module
from probes.drift.addresses import equivalence
from probes.go import load
from tests import matrix
from tests.conftest import first
from tests.drift.patches import Copy, calls, constants, operands

if TYPE_CHECKING:
    from pathlib import Path

EXES = ["go1.19-amd64-exe", "go1.21-amd64-exe-stripped", "go1.26-amd64-pie", "go1.27-amd64-pie-cgo-stripped"]
VICTIM = "runtime.schedinit"


@pytest.mark.parametrize("name", EXES)
def test_a_constant(name: str, tmp_path: Path) -> None:
    copy = Copy(name)
    row = next(r for r in range(200, len(copy.table)) if constants(*copy.code(copy.table.names[r])))
    function = copy.table.names[row]
    place, value = constants(*copy.code(function))[0]
    copy.write(place, bytes([value ^ 1]))
    drift = copy.compared(tmp_path)
    assert [c.name for c in drift.changed] == [function]
    old, new = (v - 256 if v > 127 else v for v in (value, value ^ 1))
    assert drift.changed[0].detail == f"constant {old} → {new}"
    assert drift.changed[0].kind == "body"
    assert (drift.identical, drift.moved) == (drift.matched - 1, 0)


@pytest.mark.parametrize("name", EXES)
def test_a_call_to_another_function(name: str, tmp_path: Path) -> None:
    copy = Copy(name)
    entries = {int(e): n for e, n in zip(copy.table.entry, copy.table.names, strict=True)}
    places = [(p, t) for p, t in calls(*copy.code(VICTIM)) if t in entries]
    (place, target), other = places[0], next(t for _, t in places if t != places[0][1])
    copy.write(place, (other - place - 4).to_bytes(4, "little", signed=True))
    drift = copy.compared(tmp_path)
    assert [c.name for c in drift.changed] == [VICTIM]
    assert drift.changed[0].detail == f"calls {entries[other]} instead of {entries[target]}"


@pytest.mark.parametrize("name", ["go1.21-amd64-exe-stripped", "go1.27-amd64-pie-cgo-stripped", "go1.27-arm64-exe"])
def test_a_string_whose_code_stays_as_it_was(name: str, tmp_path: Path) -> None:
    copy = Copy(name)
    text = b"schedinit"
    users = list(_occurrences(copy, b"index out of range"))
    assert users, text
    for at in users:
        copy.content[at : at + 5] = b"INDEX"
    drift = copy.compared(tmp_path)
    assert not drift.added
    assert not drift.removed
    assert drift.changed or "index out of range" not in _taken(copy), "code that takes the text must be reported"


def _occurrences(copy: Copy, text: bytes) -> list[int]:
    out, at = [], copy.content.find(text)
    while at >= 0:
        out.append(at)
        at = copy.content.find(text, at + 1)
    return out


def _taken(copy: Copy) -> str:
    """Texts that some amd64 function takes the address of."""
    if copy.facts.arch != "amd64":
        return ""
    texts = []
    for row in range(len(copy.table)):
        for _, target in operands(*copy.code(copy.table.names[row])):
            at = int(copy.facts.image.offsets(np.array([target]), 1)[0])
            if at >= 0:
                texts.append(bytes(copy.facts.image.buffer[at : at + 18]).decode("latin-1"))
    return "\n".join(texts)


@pytest.mark.parametrize("name", first(2, EXES))
def test_the_quick_way_says_what_the_slow_one_says(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = Copy(name)
    for row in range(150, len(copy.table), 200):
        for place, value in constants(*copy.code(copy.table.names[row]))[:1]:
            copy.write(place, bytes([value ^ 1]))
    quick = copy.compared(tmp_path)
    assert quick.changed
    monkeypatch.setattr(equivalence, "nothing_moved", lambda *_: False)
    assert copy.compared(tmp_path) == quick


@pytest.mark.parametrize("entry", matrix.quick(matrix.entries()), ids=str)
def test_an_image_is_the_same_as_itself(entry: matrix.Entry) -> None:
    facts = load(str(entry.path))
    drift = compare(facts, facts).functions
    assert drift is not None
    assert (drift.added, drift.removed, drift.renamed, drift.changed, drift.undecided) == ((), (), (), (), ())
    assert (drift.matched, drift.identical, drift.remapped) == (drift.old, drift.old, 0)


@pytest.mark.parametrize("minor", [21, 25, 26, 27])
def test_the_stripped_twin_is_the_same(minor: int, binary) -> None:
    full, stripped = (load(str(binary(f"go1.{minor}-amd64-exe{suffix}"))) for suffix in ("", "-stripped"))
    for old, new in ((full, stripped), (stripped, full)):
        drift = compare(old, new).functions
        assert drift is not None
        assert (drift.changed, drift.added, drift.removed) == ((), (), ())


def test_what_no_budget_is_left_for_is_never_called_unchanged(binary, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = (load(str(binary(f"go1.{minor}-amd64-exe"))) for minor in (25, 26))
    before = compare(old, new).functions
    for budget in ("LEVEL_BUDGET", "RESIZED_BUDGET", "EXPLAIN_BUDGET"):
        monkeypatch.setattr(code_module, budget, 0)
    after = compare(old, new).functions
    assert before is not None
    assert after is not None
    told = {c.name for c in after.changed} | set(after.undecided)
    assert {c.name for c in before.changed} <= told
    assert after.undecided
    assert after.matched == after.identical + after.moved + len(after.changed) + len(after.undecided)


def test_other_architectures_are_not_compared(binary) -> None:
    drift = compare(load(str(binary("go1.27-amd64-exe"))), load(str(binary("go1.27-arm64-exe"))))
    assert drift.functions is None
    assert "architectures differ" in drift.problems["functions"]


@pytest.mark.parametrize("pair", [("go1.25-amd64-exe", "go1.26-amd64-exe"), ("go1.19-amd64-pie", "go1.21-amd64-pie")])
def test_the_counts_add_up(pair: tuple[str, str], binary) -> None:
    drift = compare(*(load(str(binary(name))) for name in pair)).functions
    assert drift is not None
    assert drift.matched == drift.identical + drift.moved + len(drift.changed) + len(drift.undecided)
    assert drift.old == drift.matched + len(drift.removed)
    assert drift.new == drift.matched + len(drift.added)

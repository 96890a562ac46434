"""Flat and cumulative values, and identities."""

from __future__ import annotations

import random

import pytest

from probes.profile.stacks.identity import identity
from probes.profile.stacks.names import Names
from probes.profile.stacks.symbolise import OtherBuild, symbolise
from probes.profile.stacks.tally import cumulative, flat, stacks
from tests.profile.made import Maker, cpu


def table(profile, column=0):
    names = Names()
    found = stacks(profile, names)
    own = flat(found, profile.values[:, column], len(names))
    whole = cumulative(found, profile.values[:, column], len(names))
    return {name: (int(own[row]), int(whole[row])) for row, name in enumerate(names.names)}


def test_recursion_counts_once_a_stack_and_inlined_frames_are_frames():
    profile = cpu({"leaf+mid;walk;walk;main": 5, "walk;walk;main": 2, "mid;main": 1})
    assert table(profile) == {"leaf": (5, 5), "mid": (1, 6), "walk": (2, 7), "main": (0, 8)}


def test_a_scalar_twin_agrees():
    rng = random.Random(3)
    stacks_of = {
        ";".join(
            "+".join(rng.choice("abcdefg") for _ in range(rng.randrange(1, 3))) for _ in range(rng.randrange(1, 9))
        )
        for _ in range(300)
    }
    counts = {stack: rng.randrange(100) for stack in sorted(stacks_of)}
    expected: dict[str, list[int]] = {}
    for stack, number in counts.items():
        names = stack.replace("+", ";").split(";")
        expected.setdefault(names[0], [0, 0])[0] += number
        for name in set(names):
            expected.setdefault(name, [0, 0])[1] += number
    assert table(cpu(counts)) == {name: tuple(pair) for name, pair in expected.items()}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("main.serve", "main.serve"),
        ("main.serve.func2", "main.serve.func#"),
        ("main.serve.func2.1", "main.serve.func#.#"),
        ("main.serve.gowrap1", "main.serve.gowrap#"),
        ("main.Sum[go.shape.uint64]", "main.Sum[...]"),
        ("main.Sum[...]", "main.Sum[...]"),
        ("main.Map[go.shape.int,go.shape.struct { A []int }].func1", "main.Map[...].func#"),
        ("main.(*List[go.shape.int_0]).Push", "main.(*List[...]).Push"),
        ("main._cgo_0123456789ab_Cfunc_puts", "main._cgo_Cfunc_puts"),
        ("gopkg.in/yaml%2ev3.parse", "gopkg.in/yaml.v3.parse"),
        ("odd[name", "odd[name"),
        ("[vdso]", "[vdso]"),
        ("main.v2", "main.v2"),
    ],
)
def test_identity(name, expected):
    assert identity(name) == expected
    assert identity(expected) == expected


def test_a_location_without_functions_is_named_by_its_file():
    maker = Maker()
    maker.message.mapping.add(id=1, filename=maker.string("/lib/libfoo.so.1"))
    maker.sample(("leaf", "main"), 3, 30)
    maker.sample(("bare", "main"), 2, 20)
    maker.sample(("nothing",), 1, 10)
    for row, mapping in ((2, 1), (3, 0)):
        del maker.message.location[row].line[:]
        maker.message.location[row].mapping_id = mapping
    maker.message.sample.add(value=[4, 40])
    assert table(maker.facts()) == {
        "leaf": (3, 3), "main": (0, 5), "bare": (0, 0), "nothing": (0, 0), "[libfoo.so.1]": (2, 2), "[unknown]": (5, 5)
    }  # fmt: skip


def test_only_the_same_build_gives_names(binary):
    from probes.go import load  # noqa: PLC0415 - slow

    facts = load(str(binary("go1.26-amd64-exe")), examine=False)
    for build_id in ("", "another"):
        maker = Maker()
        maker.sample(("a",), 1, 10)
        maker.message.mapping.add(id=1, build_id=maker.string(build_id))
        with pytest.raises(OtherBuild, match="not that of"):
            symbolise(maker.facts(), facts)

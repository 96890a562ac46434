"""Our records behave as the standard library's frozen dataclasses with slots do."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace

import pytest

from probes import records


@records.dataclass(frozen=True, slots=True)
class Ours:
    """Ours."""

    a: int
    b: str = "x"
    c: dict[str, int] = field(default_factory=dict)
    d: object = field(default=None, repr=False, compare=False)

    @property
    def twice(self) -> int:
        return self.a * 2


@dataclass(frozen=True, slots=True)
class Theirs:
    """Theirs."""

    a: int
    b: str = "x"
    c: dict[str, int] = field(default_factory=dict)
    d: object = field(default=None, repr=False, compare=False)


def test_the_same_fields_and_text() -> None:
    assert [(f.name, f.default) for f in fields(Ours)] == [(f.name, f.default) for f in fields(Theirs)]
    assert repr(Ours(1, c={"k": 2})) == repr(Theirs(1, c={"k": 2})).replace("Theirs", "Ours")
    assert dataclasses.asdict(Ours(1)) == dataclasses.asdict(Theirs(1))
    assert Ours.__slots__ == ("a", "b", "c", "d")
    assert not hasattr(Ours(1), "__dict__")


def test_each_instance_gets_its_own_default() -> None:
    first, second = Ours(1), Ours(1)
    assert first.c == {}
    assert first.c is not second.c
    assert Ours(1, "y").b == "y"
    assert Ours(a=1, b="z").twice == 2


def test_equality_is_that_of_the_compared_fields() -> None:
    assert Ours(1, d=1) == Ours(1, d=2)
    assert Ours(1) != Ours(2)
    assert Ours(1) != Theirs(1)
    frozen = records.dataclass(frozen=True, slots=True)(
        type("P", (), {"__annotations__": {"n": "int"}, "__doc__": "."})
    )
    assert hash(frozen(3)) == hash(frozen(3))
    assert len({frozen(3), frozen(3), frozen(4)}) == 2


def test_nothing_can_be_changed() -> None:
    thing = Ours(1)
    with pytest.raises(FrozenInstanceError, match="'a' of Ours"):
        thing.a = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del thing.a  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        thing.new = 2  # type: ignore[attr-defined]


def test_replacing_copying_and_matching() -> None:
    thing = Ours(1, "b", {"k": 1})
    assert replace(thing, a=5) == Ours(5, "b", {"k": 1})
    assert copy.deepcopy(thing) == thing
    assert pickle.loads(pickle.dumps(thing)) == thing  # noqa: S301 - written one line above
    match thing:
        case Ours(a, b):
            assert (a, b) == (1, "b")


@pytest.mark.parametrize("arguments", [(), (1, 2, 3, 4, 5)])
def test_wrong_arguments_are_refused(arguments: tuple[int, ...]) -> None:
    with pytest.raises(TypeError):
        Ours(*arguments)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Ours(1, nothing=2)  # type: ignore[call-arg]


def test_other_kinds_are_refused() -> None:
    with pytest.raises(TypeError, match="frozen"):
        records.dataclass(frozen=False, slots=True)
    with pytest.raises(TypeError, match="base"):

        @records.dataclass(frozen=True, slots=True)
        class Child(Ours):
            """A child."""

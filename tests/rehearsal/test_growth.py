"""What grows with the updates, and what only moves."""

from __future__ import annotations

from msgspec.structs import replace

from gate.rehearsal.rounds.growth import growth
from gate.rules.samples.rehearsals import LEFT, update


def series(what: str, values: list[float]) -> list[str]:
    found = growth([update(n, left=replace(LEFT, **{what: value})) for n, value in enumerate(values, 1)])
    return [each.what for each in found]


def test_a_leak_is_found_and_its_size_told() -> None:
    found = growth([update(n, left=replace(LEFT, descriptors=9 + n)) for n in range(1, 11)])
    assert [(each.what, each.each, each.first, each.last, each.updates) for each in found] == [
        ("descriptors", 1.0, 10, 18, 10)
    ]
    assert series("descriptors", [9, 10, 10, 11, 11, 12]) == ["descriptors"]  # one of the two images leaks
    assert series("goroutines", [14, 15, 16, 17, 18, 19]) == ["goroutines"]
    assert series("memory", [n * 4e6 for n in range(4, 14)]) == ["memory"]


def test_what_moves_is_none() -> None:
    assert series("descriptors", [9, 12] * 5) == []  # the images differ
    assert series("descriptors", [9, 10, 9, 10, 11, 10, 9, 10]) == []
    assert series("threads", [9, 10, 11, 12, 13, 14]) == []  # too few of them to judge threads by
    assert series("memory", [1.4e7 + n * 1e5 for n in range(10)]) == []
    assert series("files", [3] * 10) == []


def test_too_few_updates_say_nothing() -> None:
    assert series("descriptors", [9, 10, 11, 12, 13]) == []
    assert growth([]) == ()
    assert growth([update(n, left=None) for n in range(1, 9)]) == ()
    assert growth([update(n, left=replace(LEFT, goroutines=None)) for n in range(1, 9)]) == ()

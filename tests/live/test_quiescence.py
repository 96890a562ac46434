"""What a check that waits looks at, and which look it goes by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gate.engine import quiescence
from probes.live.facts import LiveFacts
from probes.live.gathering import Asked
from probes.live.topics import ProfilerFacts

if TYPE_CHECKING:
    from collections.abc import Callable


def seen(*, profiled: bool) -> LiveFacts:
    return LiveFacts(profiler=ProfilerFacts("goprobe", profiled, "heartbeat" if profiled else "none"))


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[bool]]:
    """Has a service be profiled or not, look by look; returns whether each look asked for a profile of its own."""
    monkeypatch.setattr(quiescence, "PAUSE", 0.0)

    def set_up(*profiled: bool) -> list[bool]:
        asked: list[bool] = []
        facts = iter(profiled)

        async def gather(what: Asked, **_: object) -> LiveFacts:
            asked.append(what.profile)
            return seen(profiled=next(facts))

        monkeypatch.setattr(quiescence, "gather", gather)
        return asked

    return set_up


def test_what_was_seen_when_it_was_quiet_is_what_counts(looks: Callable[..., list[bool]]) -> None:
    asked = looks(True, True, False, True)
    assert quiescence.ask(Asked(profile=False), wait=60) == seen(profiled=False)
    assert asked == [False] * 3


def test_a_profile_is_asked_for_once_it_is_quiet(looks: Callable[..., list[bool]]) -> None:
    asked = looks(True, False, False)
    assert quiescence.ask(Asked(profile=True), wait=60) == seen(profiled=False)
    assert asked == [False, False, True]


def test_without_waiting_there_is_one_look(looks: Callable[..., list[bool]]) -> None:
    asked = looks(True)
    assert quiescence.ask(Asked(profile=False)) == seen(profiled=True)
    assert asked == [False]


def test_what_is_waited_for_is_said_once(looks: Callable[..., list[bool]]) -> None:
    looks(True, True, False)
    said: list[str] = []
    quiescence.ask(Asked(profile=False), wait=60, say=said.append)
    assert [each.split(" (")[0] for each in said] == ["waiting for the end of a CPU profile"]

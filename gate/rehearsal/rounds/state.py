"""State across updates while nobody writes any: what the service answers, and what goprobe says that it handed over."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from gate.evidence.rehearsal import AnswerChange, StateChange, Update
from gate.rehearsal.rounds.answers import TIMES, Facets, differences, facets, noise, union
from gate.rehearsal.rounds.fetch import fetch
from gate.rehearsal.rounds.update import perform_update

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gate.evidence.rehearsal import Way
    from gate.rehearsal.rounds.scene import Scene

BETWEEN = 1.0
"""Seconds between both samples of a control run: about what an update takes."""
MOST = 50
"""Changes that are listed."""


def sample(scene: Scene, paths: Sequence[str], times: int) -> dict[str, list[Facets]]:
    """Path -> what was answered, `times` times; nothing else is asked meanwhile."""
    target = scene.service.target
    if scene.load is not None:
        scene.load.pause()
    if target is None:
        return {}
    return {path: [facets(fetch(target, path)) for _ in range(times)] for path in paths}


def answer_changes(
    old: dict[str, list[Facets]], new: dict[str, list[Facets]], ignore: Sequence[str]
) -> tuple[AnswerChange, ...]:
    """What NEW answers otherwise than OLD, by more than OLD differs from itself."""
    found = []
    for path, before in old.items():
        noisy = noise(before) | noise(new.get(path, []))
        changes = differences(dict(union(before)), dict(union(new.get(path, []))), noisy, ignore)
        found += [AnswerChange(path, where, diff) for where, diff in changes.items()]
    return tuple(found[:MOST])


class Quiet(Struct, frozen=True):
    """What a round without load gave. `state_compared` and `answers_compared`: of how many."""

    updates: tuple[Update, ...] = ()
    answers: tuple[AnswerChange, ...] = ()
    answers_compared: int = 0
    state: tuple[StateChange, ...] = ()
    state_compared: int = 0


def quiet_round(scene: Scene) -> Quiet:
    """There and back while nobody writes: answers of NEW against OLD's, and what became of the state."""
    paths, compared = scene.plan.state.read, scene.plan.compare.paths
    probed = _digests(scene.status()) is not None
    if not paths and not compared and not probed:
        return Quiet()
    changes: list[StateChange] = []
    updates: list[Update] = []
    answers: tuple[AnswerChange, ...] = ()
    given: list[Mapping[str, str]] = []  # what OLD serialised, each time that it did
    # With goprobe once more: what OLD serialises after a way back is compared with what it did before.
    ways: tuple[Way, ...] = ("forward", "back", "forward", "back") if probed else ("forward", "back")
    for number, way in enumerate(ways, 1):
        old = sample(scene, compared, TIMES) if number == 1 else {}
        before = sample(scene, paths, 2) if number <= 2 else {}
        updates.append(perform_update(scene, number, way, scene.other, loaded=False, look=False))
        if updates[-1].outcome != "taken-over":
            return Quiet(tuple(updates), answers, len(old), tuple(changes[:MOST]), len(paths))
        after = sample(scene, paths, 2) if number <= 2 else {}
        changes += _changes(before, after, way, scene.plan.state.ignore)
        if number == 1:
            answers = answer_changes(old, sample(scene, compared, TIMES), scene.plan.compare.ignore)
        if way == "forward" and probed:
            given.append(_digests(scene.status()) or {})
    changes += _round_trip(*given) if given else []
    number = len(paths) + (len(given[0]) if given else 0)
    return Quiet(tuple(updates), answers, len(compared), tuple(changes[:MOST]), number)


def unchanged(scene: Scene) -> Quiet:
    """What differs although no image changes: OLD's answers and its state, each against themselves."""
    paths, compared = scene.plan.state.read, scene.plan.compare.paths
    first, before = sample(scene, compared, TIMES), sample(scene, paths, 2)
    time.sleep(BETWEEN)
    after, second = sample(scene, paths, 2), sample(scene, compared, TIMES)
    answers = answer_changes(first, second, scene.plan.compare.ignore)
    changes = tuple(_changes(before, after, "again", scene.plan.state.ignore))
    return Quiet((), answers, len(compared), changes[:MOST], len(paths))


def _changes(
    before: dict[str, list[Facets]], after: dict[str, list[Facets]], way: Way, ignore: Sequence[str]
) -> Iterator[StateChange]:
    for path, seen in before.items():
        noisy = noise(seen) | noise(after[path])
        found = differences(dict(union(seen)), dict(union(after[path])), noisy, ignore)
        for where, diff in found.items():
            yield StateChange(f"{path} {where}", way, diff)


def _digests(status: dict[str, Any] | None) -> dict[str, str] | None:
    """State's name -> the digest of what the old image handed over; None without goprobe, or without any state."""
    try:
        rows = (status or {})["state"]["rows"]
        found = {str(row["name"]): str((row.get("restored") or {}).get("digest", "")) for row in rows}
    except (KeyError, TypeError, AttributeError):
        return None
    return found or None


def _round_trip(first: Mapping[str, str], second: Mapping[str, str]) -> list[StateChange]:
    return [
        StateChange(f"goprobe state {name}", "back", (f"-sha256 {digest[:12]}", f"+sha256 {second[name][:12]}"))
        for name, digest in first.items()
        if digest and second.get(name) and second[name] != digest
    ]

"""Whether an update has taken place, where a service behaves as no program here does on purpose every time."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from gate.rehearsal.rounds import update
from gate.rehearsal.stage.processes import Process
from gate.rehearsal.stage.service import Answer

OLD, NEW = (1, 1), (1, 2)


class Service:
    """An old image that still has connections, and its listener; whoever asks once meets the new one, by chance or not."""

    ended: dict[int, int] = {}  # noqa: RUF012 - empty

    def __init__(self, *, listens: bool, accepts: bool) -> None:
        self._listens, self._accepts = listens, accepts

    def ask(self, timeout: float) -> Answer:
        assert timeout
        return Answer(time.monotonic(), good=True, status=200, pid=2, image=NEW)

    def ask_many(self, number: int) -> list[Answer]:
        both = [NEW] * (number - 1) + [OLD if self._accepts else NEW]
        return [Answer(time.monotonic(), good=True, status=200, pid=2, image=each) for each in both]

    def processes(self) -> dict[int, Process]:
        return {1: Process(1, 0, "S", OLD), 2: Process(2, 1, "S", NEW)}

    def connected(self, pids: set[int]) -> set[int]:
        return pids

    def listening(self, pids: set[int]) -> bool:
        return bool(pids) and self._listens


@pytest.mark.parametrize(
    ("listens", "accepts", "outcome"),
    [(True, True, "both-serve"), (True, False, "taken-over"), (False, False, "taken-over")],
)
def test_an_old_image_with_connections_may_serve_on_beside_the_new_one(
    monkeypatch: pytest.MonkeyPatch, listens: bool, accepts: bool, outcome: str
) -> None:
    monkeypatch.setattr(update, "DRAIN", 1.0)
    monkeypatch.setattr(update, "BESIDE", 0.2)
    scene = SimpleNamespace(service=Service(listens=listens, accepts=accepts))
    seen = update.watch(scene, NEW, 2.0, 1, time.monotonic())  # type: ignore[arg-type] - as much of it as is asked
    assert seen.outcome == outcome
    assert ("still has connections" in seen.detail) is (outcome == "taken-over")


@pytest.mark.parametrize(("accepts", "found"), [([True] * 9, True), ([True, True, False], False), ([False], False)])
def test_an_old_image_may_take_its_time_to_stop(
    monkeypatch: pytest.MonkeyPatch, accepts: list[bool], found: bool
) -> None:
    monkeypatch.setattr(update, "STREAK", 0.1)
    service = Service(listens=True, accepts=True)
    stopped: list[set[int]] = []

    def accepts_without(pids: set[int]) -> bool:
        stopped.append(pids)
        return accepts[len(stopped) - 1]

    service.accepts_without = accepts_without  # type: ignore[attr-defined]
    assert update.serves_beside(service, NEW, time.monotonic() + 0.4) is found  # type: ignore[arg-type]
    assert stopped[0] == {2}, "the new image alone"

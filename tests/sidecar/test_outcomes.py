"""What a watch ended in: it stands over restarts and beside a second sidecar, and is no answer for the next update."""

from __future__ import annotations

import asyncio
import json
import time
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from gate.sidecar import watching
from gate.sidecar.config.model import ServiceConfig
from gate.sidecar.state.board import Board, Entry
from gate.sidecar.state.resume import remembered
from gate.sidecar.watching import STANDS, Watching
from gate.store import audit
from gate.store.database import Database
from gate.store.polled import Polled, Sample
from gate.store.samples import service_ids, write
from gate.store.tables import VERDICTS
from gate.store.verdicts import disagreements, report_of
from gate.watch.config import WatchConfig, WatchRule
from gate.watch.looking import look
from tests.store.conftest import new_store, postgresql, store  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gate.watch.measure import Span

RULE = WatchRule("error rate", "ratio", "expvar", "failed", "served", "", 3.0, 10)
WATCH = WatchConfig("any", 300.0, 1800.0, "", (RULE,))
SERVICE = ServiceConfig("orders", "http://h", "", 10.0, 5.0, watch=WATCH)
T = 1_780_000_000.0
GOOD, BAD = 0.01, 0.036


class Clock:
    """The time of the watch."""

    now = T

    def time(self) -> float:
        return self.now

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(watching, "time", found)
    return found


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database.open(str(tmp_path / "a.db")) as found:
        yield found


def polled(database: Database, *images: tuple[float, float, str, float]) -> None:
    """Polls of images that ran from one time to another, in seconds from T, and failed in that share of 20 requests a poll."""
    rows = []
    for start, end, epoch, share in images:
        for n in range(int((end - start) / 10)):
            counters = json.dumps({"served": 20 * n, "failed": int(20 * n * share)})
            rows.append(Sample("orders", int((T + start + 10 * n) * 1000), 0, 0, "ok", epoch=epoch, counters=counters))
    write(database, [Polled(each) for each in rows], service_ids(database, [("orders", "http://h")]))


def sidecar(database: Database, now: float = T) -> tuple[Watching, Entry]:
    """One that begins now, with what the store remembers."""
    entry = Entry(SERVICE, images=remembered(database, [SERVICE], now)["orders"])
    return Watching(Board({"orders": entry}), database), entry


def latest(database: Database, now: float) -> dict[str, Any]:
    own, entry = sidecar(database, now)
    return asyncio.run(own.latest(entry))


def kept(database: Database) -> list[str]:
    with database.read() as connection:
        assert list(disagreements(connection)) == []
        return [json.loads(each.body)["verdict"] for each in reversed(audit.newest(connection, 100))]


def test_a_restart_does_not_clear_a_rollback(database: Database, clock: Clock) -> None:
    polled(database, (-1800, 0, "a", GOOD), (0, 60, "b", 0.5), (60, 400, "b", 0.0))
    clock.now = T + 60
    first = latest(database, clock.now)
    assert first["state"] == "rollback"
    clock.now = T + 400
    assert latest(database, clock.now) == first
    assert kept(database) == ["rollback"]


def test_an_outcome_that_was_edited_is_found(database: Database, clock: Clock) -> None:
    polled(database, (-1800, 0, "a", GOOD), (0, 60, "b", 0.5))
    clock.now = T + 60
    found = latest(database, clock.now)
    edited = json.dumps(found | {"since": "2026-05-28T20:26:41Z"}, indent=2) + "\n"
    with database.write() as connection:
        assert json.loads(report_of(connection, 1) or "") == found
        connection.execute(update(VERDICTS).values(report=zlib.compress(edited.encode("ascii"))))
    with database.read() as connection:
        assert [each.seq for each in disagreements(connection)] == [1]


def test_two_sidecars_have_one_last_word(new_store: Callable[[], str], clock: Clock) -> None:  # noqa: F811
    place = new_store()
    with Database.open(place) as one, Database.open(place) as other:
        polled(one, (-1800, 0, "a", GOOD), (0, 300, "b", 0.5))
        clock.now = T + 100
        both = [sidecar(one), sidecar(other)]

        async def at_once() -> list[dict[str, Any]]:
            return await asyncio.gather(*(own.latest(entry) for own, entry in both))

        found = asyncio.run(at_once())
        assert found[0] == found[1]
        assert kept(one) == ["rollback"]


def test_an_image_that_is_started_again_is_not_measured_by_itself(database: Database, clock: Clock) -> None:
    """A supervisor starts a bad image again before its watch is over."""
    polled(database, (-1800, 0, "a", GOOD), (0, 240, "b", BAD), (240, 1200, "c", BAD))
    clock.now = T + 540
    found = latest(database, clock.now)
    assert (found["state"], found["epoch"]) == ("rollback", "c")
    assert "before: 35 of 3,580" in found["rules"][0]["said"]
    assert kept(database) == ["inconclusive", "rollback"]


def test_what_was_found_good_is_what_the_next_is_compared_with(database: Database, clock: Clock) -> None:
    polled(database, (-1800, 0, "a", GOOD), (0, 600, "b", 2 * GOOD))
    clock.now = T + 400
    assert latest(database, clock.now)["state"] == "clear"
    polled(database, (600, 910, "c", 0.03))
    clock.now = T + 900
    found = latest(database, clock.now)
    assert (found["state"], kept(database)) == ("clear", ["clear", "clear"]), found
    assert "before: 47 of 3,580" in found["rules"][0]["said"], "both a and b"


def test_a_fix_after_a_rollback_is_compared_with_what_was_good(database: Database, clock: Clock) -> None:
    polled(database, (-1800, 0, "a", GOOD), (0, 120, "b", 0.5))
    clock.now = T + 100
    assert latest(database, clock.now)["state"] == "rollback"
    polled(database, (120, 500, "c", GOOD))
    clock.now = T + 430
    found = latest(database, clock.now)
    assert (found["state"], found["epoch"]) == ("clear", "c")
    assert "before: 35 of 3,580" in found["rules"][0]["said"]


def test_an_outcome_is_no_answer_for_another_update(database: Database, clock: Clock) -> None:
    polled(database, (-1800, 0, "a", GOOD), (0, 310, "b", GOOD))
    clock.now = T + 305
    own, entry = sidecar(database)

    def state(since: float | None = None) -> tuple[str, str]:
        found = asyncio.run(own.state(entry, since))
        return found["state"], found["said"]

    assert state() == ("clear", "")
    assert state(T - 3) == ("clear", "")
    assert state(T)[0] == "clear"
    assert state(T + 1)[0] == "idle"
    assert "no update was seen since 2026-" in state(T + 1)[1]
    clock.now = T + WATCH.within + STANDS - 1
    assert state()[0] == "clear"
    clock.now = T + WATCH.within + STANDS + 1
    assert state()[0] == "idle"
    assert state()[1].endswith("has ended: clear")
    assert state(T - 3) == ("clear", ""), "who says which update may ask at any time"
    assert asyncio.run(own.latest(entry))["state"] == "clear", "and the page shows it"


def test_what_was_counted_while_nobody_looked_is_not_the_old_images(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prometheus counts between two polls, too: the time before ends where the old image was last seen."""
    spans: list[Span] = []

    async def spy(config: WatchConfig, database: Database, name: str, span: Span) -> Any:
        spans.append(span)
        return await look(config, database, name, span)

    monkeypatch.setattr(watching, "look", spy)
    polled(database, (-1800, 0, "a", GOOD), (290, 320, "b", GOOD))
    clock.now = T + 310
    latest(database, clock.now)
    assert [(each.until - T, each.begun - T, each.now - T) for each in spans] == [(-10, -10, 310)]

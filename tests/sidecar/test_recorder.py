"""What waits for the store: kept, told of when it is lost, and in nobody's way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import delete, select

from gate.sidecar.actions import Actions
from gate.sidecar.metrics import Metrics
from gate.sidecar.polling import recorder
from gate.sidecar.releases import HostReleases
from gate.sidecar.state.board import Board
from gate.store.database import Database
from gate.store.polled import Polled, Sample
from gate.store.retention import Retention
from gate.store.samples import newest_windows, samples_since, service_id, service_ids, write
from gate.store.tables import SAMPLES, SERVICES
from probes.profile.heartbeat.window import HeartbeatWindow
from tests.store.conftest import new_store, postgresql, store  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gate.sidecar.config.model import SidecarConfig


def sample(due: int, **more: object) -> Polled:
    return Polled(Sample("orders", due, 0, 1, "ok", **more))  # type: ignore[arg-type]


def test_writing_again_is_no_harm(tmp_path: Path) -> None:
    with Database.open(str(tmp_path / "a.db")) as database:
        ids = service_ids(database, [("orders", "http://h")])
        assert service_ids(database, [("orders", "http://h")]) == ids
        for _ in range(2):
            write(database, [sample(1), sample(2, epoch="e"), sample(2, epoch="other")], ids)
        with database.read() as connection:
            key = service_id(connection, "orders")
            assert key is not None
            assert [(row.due_ms, row.epoch) for row in samples_since(connection, key, 0)] == [(1, ""), (2, "e")]
            assert [row.due_ms for row in samples_since(connection, key, 0, limit=1)] == [2]
            assert service_id(connection, "nobody") is None


def test_polls_that_wait_too_long_are_lost_counted_and_said(tmp_path: Path, monkeypatch, caplog) -> None:
    monkeypatch.setattr(recorder, "MAX_WAITING", 10)

    async def run() -> recorder.Recorder:
        with Database.open(str(tmp_path / "a.db")) as database:
            own = recorder.Recorder(database, Retention)
            own.know([("orders", "http://h")])
            for n in range(25):
                own.put(sample(n))
            assert (own.waiting, own.lost) == (10, 15)
            assert await own.flush()
            assert await own.close(1.0) == 15
            with database.read() as connection:
                key = service_id(connection, "orders")
                assert key is not None
                assert [row.due_ms for row in samples_since(connection, key, 0)] == list(range(15, 25))
            return own

    assert asyncio.run(run()).written == 10
    assert "polls are lost" in caplog.text


def test_what_waits_is_bounded_by_rows_and_written_in_parts(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(recorder, "MAX_ROWS", 1000)
    monkeypatch.setattr(recorder, "BATCH_ROWS", 250)
    batches = []

    def noted(database: Database, polled: list[Polled], ids: dict[str, int]) -> None:
        batches.append(sum(1 + len(each.windows) for each in polled))
        write(database, polled, ids)

    monkeypatch.setattr(recorder.samples, "write", noted)
    window = HeartbeatWindow(0, "e", 0, 0, 1, 1.0, 100, 1, 0.1, "ok", "")
    windows = tuple(replace(window, seq=seq) for seq in range(99))

    async def run() -> None:
        with Database.open(str(tmp_path / "a.db")) as database:
            own = recorder.Recorder(database, Retention)
            own.know([("orders", "http://h")])
            for n in range(25):
                own.put(replace(sample(n), windows=windows))
            assert (own.waiting, own.lost) == (10, 15)
            assert await own.flush()
            assert batches == [200] * 5
            own.put(sample(100))
            assert (own.waiting, own.lost) == (1, 15), "what was written no longer counts"
            own.put(Polled(sample(101).sample, windows * 30))
            assert (own.waiting, own.lost) == (1, 16), "one that is too much by itself is still kept"
            assert await own.close(5.0) == 16

    asyncio.run(run())


def test_a_services_removal_does_not_lose_what_waits(tmp_path: Path) -> None:
    async def run() -> None:
        with Database.open(str(tmp_path / "a.db")) as database:
            own = recorder.Recorder(database, Retention)
            own.know([("orders", "http://h")])
            own.put(sample(1))
            own.know([])
            assert await own.close(1.0) == 0
            with database.read() as connection:
                assert service_id(connection, "orders") is not None

    asyncio.run(run())


def test_the_store_gets_the_url_that_a_reload_brings(new_store: Callable[[], str]) -> None:  # noqa: F811
    def stored(database: Database) -> dict[str, str]:
        with database.read() as connection:
            return {row.name: row.url for row in connection.execute(select(SERVICES.c.name, SERVICES.c.url))}

    async def run(database: Database) -> None:
        own = recorder.Recorder(database, Retention)
        seen = []
        for n, url in enumerate(("http://a:1", "http://a:1", "http://a:2")):
            own.know([("a", url), ("b", "http://b")])
            for name in ("a", "b"):
                own.put(Polled(Sample(name, n * 1000, 0, 0, "ok")))
            assert await own.flush()
            seen.append(stored(database))
        assert [each["a"] for each in seen] == ["http://a:1", "http://a:1", "http://a:2"]
        assert {each["b"] for each in seen} == {"http://b"}
        before = service_ids(database, [("a", "")])
        assert stored(database)["a"] == "http://a:2", "who does not know the URL leaves it"
        assert service_ids(database, [("a", "http://a:3")]) == before
        assert stored(database)["a"] == "http://a:3"

    with Database.open(new_store()) as database:
        asyncio.run(run(database))


def test_a_poll_that_ends_after_its_services_removal_does_not_stop_the_next_reload(tmp_path: Path) -> None:
    async def run() -> None:
        with Database.open(str(tmp_path / "a.db")) as database:
            own = recorder.Recorder(database, Retention)
            own.know([("orders", "http://h")])
            own.know([])
            own.put(sample(1))
            own.know([("billing", "http://h")])
            assert await own.close(1.0) == 0
            with database.read() as connection:
                assert service_id(connection, "orders") is not None

    asyncio.run(run())


def test_one_poll_that_the_store_does_not_take_keeps_out_no_other(new_store: Callable[[], str], caplog) -> None:  # noqa: F811
    async def run() -> None:
        with Database.open(new_store()) as database:
            own = recorder.Recorder(database, Retention)
            own.know([("orders", "http://h")])
            for n in range(1, 40):
                each = sample(n)
                own.put(each if n != 7 else replace(each, sample=replace(each.sample, heap_bytes=1 << 70)))
            assert await own.close(20.0) == 1
            assert (own.lost, own.written, own.problem) == (1, 38, "")
            with database.read() as connection:
                key = service_id(connection, "orders")
                assert key is not None
                assert len(samples_since(connection, key, 0)) == 38

    asyncio.run(run())
    assert "a poll of orders is lost, which the store does not take" in caplog.text


def test_a_service_whose_row_is_gone_is_added_again(new_store: Callable[[], str]) -> None:  # noqa: F811
    """As after a backup was restored under a sidecar that runs."""

    async def run() -> None:
        with Database.open(new_store()) as database:
            own = recorder.Recorder(database, Retention)
            own.know([("orders", "http://h")])
            own.put(sample(1))
            assert await own.flush()
            with database.write() as connection:
                connection.execute(delete(SAMPLES))
                connection.execute(delete(SERVICES))
            for n in range(2, 40):
                own.put(sample(n))
            assert await own.flush()
            assert (own.lost, own.written, own.problem) == (0, 39, "")
            with database.read() as connection:
                key = service_id(connection, "orders")
                assert key is not None
                assert len(samples_since(connection, key, 0)) == 38
            assert await own.close(5.0) == 0

    asyncio.run(run())


def test_one_poll_that_breaks_a_constraint_keeps_out_no_other(new_store: Callable[[], str], caplog) -> None:  # noqa: F811
    async def run() -> None:
        with Database.open(new_store()) as database:
            own = recorder.Recorder(database, Retention)
            own.know([("orders", "http://h")])
            for n in range(1, 40):
                own.put(sample(n, **({"source": None} if n == 7 else {})))
            assert await own.close(20.0) == 1
            assert (own.lost, own.written, own.problem) == (1, 38, "")

    asyncio.run(run())
    assert "a poll of orders is lost, which the store does not take: the store does not take a row" in caplog.text


def test_a_window_beyond_what_a_database_holds_is_kept_within_it(tmp_path: Path) -> None:
    huge = HeartbeatWindow(
        1 << 62, "e\0" * 50, 1 << 62, -(1 << 62), 1 << 62, 1.0, 1 << 62, 1 << 62, 1e18, "ok" * 20, "\0"
    )
    with Database.open(str(tmp_path / "a.db")) as database:
        ids = service_ids(database, [("orders", "http://h")])
        write(database, [Polled(sample(1).sample, (huge,))], ids)
        with database.read() as connection:
            assert len(newest_windows(connection, ids["orders"], 5)) == 1


def test_lateness_is_a_histogram_whose_rates_mean_something(tmp_path: Path) -> None:
    """Whatever was counted stays counted: of a histogram of the last polls only, a rate is noise."""

    def scraped(metrics: Metrics) -> dict[str, float]:
        families = {family.name: family for family in text_string_to_metric_families(metrics.text().decode())}
        samples = families["hotgate_poll_late_seconds"].samples
        return {
            each.labels.get("le", each.name.removeprefix("hotgate_poll_late_seconds_")): each.value for each in samples
        }

    def unasked() -> SidecarConfig:
        raise AssertionError

    board = Board()
    with Database.open(str(tmp_path / "a.db")) as database:
        releases, actions = HostReleases(unasked), Actions(database, unasked, "")
        metrics = Metrics(board, recorder.Recorder(database, Retention), releases, actions)
        for _ in range(3):
            board.late.add(2000)
        first = scraped(metrics)
        for late in [0, 100, 101, 1000, 20_000, -50] * 5000:
            board.late.add(late)
        second = scraped(metrics)
    limits = ("0.1", "0.5", "1.0", "2.5", "5.0", "10.0", "+Inf")
    assert [first[each] for each in limits] == [0, 0, 0, 3, 3, 3, 3]
    assert [second[each] - first[each] for each in limits] == [15000, 20000, 25000, 25000, 25000, 25000, 30000]
    assert (first["count"], second["count"]) == (3, 30003)
    assert (first["sum"], second["sum"]) == (6.0, pytest.approx(6.0 + 5000 * (0.1 + 0.101 + 1 + 20)))

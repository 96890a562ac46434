"""Schedules, units, the recorder and plain services, one by one."""

from __future__ import annotations

import asyncio
import json
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select

from gate.policy import PolicyError
from gate.sidecar import poller, recorder, schedule
from gate.sidecar.allowance import BURST, Allowance
from gate.sidecar.board import Board, Entry
from gate.sidecar.config import ServiceConfig, load_sidecar
from gate.sidecar.guard import _is_local
from gate.sidecar.judge import Unanswerable
from gate.sidecar.judge import _old as named
from gate.sidecar.metrics import Metrics
from gate.sidecar.poll import Poller
from gate.sidecar.sample import Polled, Sample
from gate.sidecar.units import parse_seconds, parse_size
from gate.store.database import Database
from gate.store.retention import Retention
from gate.store.samples import newest_windows, samples_since, service_id, service_ids, write
from gate.store.tables import SERVICES
from probes.live.client import Client
from scripts.simulated import examples
from tests.live.servers import PLAIN, dribble, http, serve
from tests.store.conftest import new_store, postgresql, store  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize("interval", [0.5, 1.0, 10.0, 60.0])
def test_everybody_finds_the_same_times(interval: float) -> None:
    now = 1_790_000_000.0
    for name in ("a", "orders", "x" * 128):
        first = schedule.next_due(name, interval, now)
        assert now < first <= now + interval + 1e-6
        assert schedule.next_due(name, interval, first - interval / 3) == pytest.approx(first, abs=1e-6)
        following = schedule.next_due(name, interval, first)
        assert following == pytest.approx(first + interval, abs=1e-5)
        assert round(following * 1000) - round(first * 1000) == pytest.approx(interval * 1000, abs=1)


def test_times_are_spread_over_the_interval() -> None:
    tenths = [0] * 10
    for n in range(1000):
        tenths[int(schedule.phase(f"service-{n}", 10.0))] += 1
    assert min(tenths) > 60
    assert max(tenths) < 140


def test_patience_grows_and_ends() -> None:
    assert [schedule.skipped(n, 10.0) for n in range(9)] == [0, 0, 0, 1, 3, 7, 15, 29, 29]
    assert schedule.skipped(1000, 10.0) == 29
    assert schedule.skipped(1000, 3600.0) == 0


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("10s", 10), ("1.5m", 90), ("12h", 43200), ("30d", 2592000)]
)
def test_times(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "s", "-1s", "1 s", "1e3s", "٣s", "1y", "9999999999s"])
def test_no_times(text: str) -> None:
    with pytest.raises(PolicyError):
        parse_seconds(text)


def test_sizes() -> None:
    assert (parse_size("500MB"), parse_size("1GiB"), parse_size("1.5kB")) == (500_000_000, 1 << 30, 1500)
    for text in ("1", "1B", "MB", "-1MB", "1 MB"):
        with pytest.raises(PolicyError):
            parse_size(text)


@pytest.mark.parametrize(
    ("host", "local"), [(b"", True), (b"[::1]", True), (b"[::1", False), (b"\xff", False), (b":80", False)]
)
def test_local_names(host: bytes, local: bool) -> None:
    assert _is_local(host) is local


def sample(due: int, **more: object) -> Polled:
    return Polled(Sample("orders", due, 0, 1, "ok", **more))  # type: ignore[arg-type]


def test_an_allowance_is_a_burst_and_then_one_in_a_while() -> None:
    now = 0.0
    own = Allowance(lambda: now)
    assert sum(own.take("orders") for _ in range(200)) == BURST
    assert own.take("billing"), "each service has its own"
    now = 4.9
    assert not own.take("orders")
    now = 5.1
    assert own.take("orders")
    assert not own.take("orders")
    now = 1e6
    assert sum(own.take("orders") for _ in range(200)) == BURST


def test_writing_again_is_no_harm(tmp_path: Path) -> None:
    with Database.open(str(tmp_path / "a.db")) as database:
        from gate.store.samples import service_ids  # noqa: PLC0415

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


def poll(answer: object, **options: object) -> Polled:
    async def run(url: str) -> Polled:
        config = ServiceConfig("orders", url, "", 1.0, 1.0, **options)  # type: ignore[arg-type]
        async with Client(url, seconds=1.0) as client:
            return await Poller(config, client).poll(1000.0, 1000.1)

    with serve(answer) as url:  # type: ignore[arg-type]
        return asyncio.run(run(url))


def test_a_plain_service_is_not_profiled_unless_it_is_said() -> None:
    asked: list[str] = []

    def answer(path: str, _: object) -> bytes:
        asked.append(path)
        return PLAIN.get(path.partition("?")[0], http(b"404", status="404 Not Found"))

    found = poll(answer)
    assert (found.sample.state, found.sample.source, found.sample.goroutines) == ("ok", "net/http/pprof", 1)
    assert (found.sample.late_ms, found.sample.due_ms) == (100, 1_000_000)
    assert not any("profile" in path for path in asked)
    assert found.windows == ()
    found = poll(answer, profile=True)
    assert any("profile" in path for path in asked)
    assert (found.windows[0].state, found.sample.profiler) == ("ok", "none")


def test_who_profiles_is_left_alone() -> None:
    taken = http(b"Could not enable CPU profiling: cpu profiling already in use\n", status="500 Internal Server Error")
    found = poll(PLAIN | {"/debug/pprof/profile": taken}, profile=True)
    assert (found.sample.state, found.sample.profiler) == ("ok", "other")
    assert (found.windows[0].state, found.windows[0].reason) == ("yielded", "the CPU profiler was in use")


def test_counters_that_are_none_are_said() -> None:
    variables = {"/debug/vars": http(b'{"served": 12, "name": "x", "big": 1e999, "flag": true}')}
    found = poll(PLAIN | variables, counters=("served", "name", "big", "flag", "gone"))
    assert found.sample.counters == '{"served": 12}'
    assert found.sample.state == "partial"
    assert "expvar: gone is no number" in found.sample.error


def goprobe(**changed: object) -> dict[str, bytes]:
    """What goprobe answers, but for some parts: `heartbeat__windows__0__seq=1`."""
    shapes = examples()
    for name, value in changed.items():
        *way, last = (int(part) if part.isdecimal() else part for part in name.split("__"))
        inner: Any = shapes
        for part in way:
            inner = inner[part]
        inner[last] = value
    return {f"/debug/hotgate/{name}": http(json.dumps(shape).encode()) for name, shape in shapes.items()}


@pytest.mark.parametrize("name", ["status__in_flight__count", "status__goroutines", "status__image__generation"])
def test_a_number_that_no_database_holds_is_garbage(name: str) -> None:
    assert poll(goprobe(status__in_flight__count=-1)).sample.state == "ok"
    assert poll(goprobe(**{name: 10**30})).sample.state == "garbage"


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00", "9999-12-31T23:59:59", "1e300"])
def test_a_time_that_is_none_is_a_sample_too(moment: str) -> None:
    found = poll(goprobe(heartbeat__windows__0__started_at=moment)).sample
    assert (found.state, "started_at" in found.error) == ("partial", True)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ({"/debug/hotgate/status": http(b"<html>hello</html>")}, "garbage"),
        ({"/debug/hotgate/status": http(b"no\0", status="401 Unauthorized")}, "refused"),
        (dribble(b"HTTP/1.1 200 OK\r\n"), "unreachable"),
        ({"/debug/hotgate/status": b"\x00\xff\x00"}, "garbage"),
        ({}, "refused"),
    ],
)
def test_bad_answers_are_samples_too(answer: object, state: str) -> None:
    found = poll(answer).sample
    assert found.state in (state, "unreachable")
    assert found.error
    assert "\0" not in found.error
    assert len(found.error) <= 300


def test_another_image_is_noticed_and_silence_is_none() -> None:
    entry = Entry(ServiceConfig("orders", "http://h", "", 1.0, 1.0))

    def seen(epoch: str, state: str = "ok") -> bool:
        return entry.add(Sample("orders", 5000, 0, 1, state, epoch=epoch))  # type: ignore[arg-type]

    assert not seen("a")
    assert not seen("", "unreachable")
    assert not seen("a")
    assert not seen("")
    assert entry.failures == 0
    assert seen("b"), "an answer that names no image changes nothing"
    assert seen("c")
    assert entry.updated_at == 5.0
    assert list(entry.strip)[-1] == "updated"
    assert entry.is_stale(10.0)
    assert not entry.is_stale(6.0)


def test_a_window_beyond_what_a_database_holds_is_kept_within_it(tmp_path: Path) -> None:
    from gate.store.samples import service_ids  # noqa: PLC0415
    from probes.live.topics import HeartbeatWindow  # noqa: PLC0415

    huge = HeartbeatWindow(
        1 << 62, "e\0" * 50, 1 << 62, -(1 << 62), 1 << 62, 1.0, 1 << 62, 1 << 62, 1e18, "ok" * 20, "\0"
    )
    with Database.open(str(tmp_path / "a.db")) as database:
        ids = service_ids(database, [("orders", "http://h")])
        write(database, [Polled(sample(1).sample, (huge,))], ids)
        with database.read() as connection:
            assert len(newest_windows(connection, ids["orders"], 5)) == 1


def test_a_pid_file_that_is_a_pipe_or_without_end_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "pid").write_text("71\n", "ascii")
    config = ServiceConfig("orders", "http://h", "", 1.0, 1.0)
    assert named(replace(config, pid_file=str(tmp_path / "pid"))) == ["--pid", "71"]
    for path in (str(tmp_path / "pipe"), "/dev/zero", "/dev/null", "a\0b", str(tmp_path)):
        with pytest.raises(Unanswerable) as caught:
            named(replace(config, pid_file=path))
        assert caught.value.status == 422


def test_a_token_file_that_is_a_pipe_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    config = tmp_path / "hotgate.toml"
    for path in (json.dumps(str(tmp_path / "pipe")), '"a\\u0000b"'):
        config.write_text(f"[sidecar]\ntoken_file = {path}\n", "utf-8")
        with pytest.raises(PolicyError):
            load_sidecar(str(config))


@pytest.mark.parametrize("listen", ["a\\u0000b:1", "127.0.0.1:" + "9" * 5000, "127.0.0.1:", ":1"])
def test_what_is_no_address(tmp_path: Path, listen: str) -> None:
    (tmp_path / "hotgate.toml").write_text(f'[sidecar]\nlisten = "{listen}"\n', "utf-8")
    with pytest.raises(PolicyError, match="not an address"):
        load_sidecar(str(tmp_path / "hotgate.toml"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('releases = ["/srv", "/srv/a\\u0000b"]', "NUL"),
        ('[[sidecar.service]]\nname = "a"\nurl = "http://h"\nold = "a\\u0000"', "NUL"),
        ('[[sidecar.service]]\nname = "a"\nurl = "http://h"\npid_file = "a\\u0000"', "NUL"),
        ('[[sidecar.service]]\nname = "a"\nurl = "http://h:80 /"', "not an http or https URL"),
        ('[[sidecar.service]]\nname = "a"\nurl = "http://h:99999"', "not an http or https URL"),
        ('[[sidecar.service]]\nname = "a"\nurl = "http://h/?token=geheim"', "no query"),
    ],
)
def test_what_could_not_be_asked_for_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "hotgate.toml").write_text(f"[sidecar]\n{text}\n", "utf-8")
    with pytest.raises(PolicyError, match=said) as caught:
        load_sidecar(str(tmp_path / "hotgate.toml"))
    assert "\n" not in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert "hotgate.toml:" in str(caught.value)


def test_the_defaults_of_a_configuration(tmp_path: Path) -> None:
    path = tmp_path / "hotgate.toml"
    path.write_text('[[sidecar.service]]\nname = "a"\nurl = "http://h:1/debug/hotgate/"\n', "utf-8")
    found = load_sidecar(str(path))
    assert (found.host, found.port, found.retention) == ("127.0.0.1", 9847, Retention(30 * 86400.0, 10**9))
    assert found.services == (ServiceConfig("a", "http://h:1", "", 10.0, 5.0),)


def test_polls_go_on_when_the_clock_is_set_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        ahead = 3600.0

        def time(self) -> float:
            return time.time() + self.ahead

    clock = Clock()
    monkeypatch.setattr(poller, "time", clock)

    async def run() -> tuple[int, int]:
        with serve(goprobe()) as url, Database.open(str(tmp_path / "a.db")) as database:
            board, own = Board(), recorder.Recorder(database, Retention)
            polling = poller.Polling(board, own, 4, lambda _entry, _replaced: None)
            await polling.change([ServiceConfig("orders", url, "", 0.5, 1.0)])
            await asyncio.sleep(1.6)
            before = board.late.count
            clock.ahead = 0.0
            await asyncio.sleep(2.6)
            await polling.stop()
            return before, board.late.count - before

    before, after = asyncio.run(run())
    assert before >= 2
    assert after >= 3, "it used to wait until the clock was there again, five minutes at a time"


def test_lateness_is_a_histogram_whose_rates_mean_something(tmp_path: Path) -> None:
    """Whatever was counted stays counted: of a histogram of the last polls only, a rate is noise."""

    def scraped(metrics: Metrics) -> dict[str, float]:
        families = {family.name: family for family in text_string_to_metric_families(metrics.text().decode())}
        samples = families["hotgate_poll_late_seconds"].samples
        return {
            each.labels.get("le", each.name.removeprefix("hotgate_poll_late_seconds_")): each.value for each in samples
        }

    board = Board()
    with Database.open(str(tmp_path / "a.db")) as database:
        metrics = Metrics(board, recorder.Recorder(database, Retention))
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

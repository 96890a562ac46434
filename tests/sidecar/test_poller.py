"""The tasks that poll: none ends because a poll failed, and none is cut off by a reload that is."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from gate.sidecar.app import Sidecar
from gate.sidecar.config.model import ServiceConfig, load_sidecar
from gate.sidecar.log import _Json
from gate.sidecar.polling import scheduler
from gate.sidecar.polling.recorder import Recorder
from gate.sidecar.polling.scheduler import Polling
from gate.sidecar.state.board import Board
from gate.store.database import Database
from gate.store.polled import Polled, Sample
from gate.store.retention import Retention
from gate.store.samples import samples_since, service_id

if TYPE_CHECKING:
    from pathlib import Path

ORDERS = ServiceConfig("orders", "http://127.0.0.1:9", "", 0.2, 1.0)


class Waiting:
    """A poll that lasts until it is let go."""

    begun: asyncio.Event
    go: asyncio.Event

    def __init__(self, *_: object) -> None:
        pass

    async def poll(self, due: float, begun: float) -> Polled:
        del begun
        type(self).begun.set()
        await type(self).go.wait()
        return Polled(Sample("orders", round(due * 1000), 0, 1, "ok"))


class Failing:
    """A poll that raises what no answer should make it raise, every other time."""

    polls = 0

    def __init__(self, *_: object) -> None:
        pass

    async def poll(self, due: float, begun: float) -> Polled:
        del begun
        type(self).polls += 1
        if type(self).polls % 2:
            raise KeyError("unforeseen")
        return Polled(Sample("orders", round(due * 1000), 0, 1, "ok"))


def kept(database: Database) -> list[Any]:
    with database.read() as connection:
        key = service_id(connection, "orders")
        return [] if key is None else samples_since(connection, key, 0)


def test_a_reload_that_is_cut_short_leaves_the_poll_under_way_alone(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(scheduler, "Poller", Waiting)

    async def run(database: Database) -> None:
        Waiting.begun, Waiting.go = asyncio.Event(), asyncio.Event()
        recorder = Recorder(database, Retention)
        polling = Polling(Board(), recorder, 4, lambda *_: None)
        await polling.change([ORDERS])
        await asyncio.wait_for(Waiting.begun.wait(), 120)
        reload = asyncio.create_task(polling.change([]))
        await asyncio.sleep(0)
        reload.cancel()
        await asyncio.gather(reload, return_exceptions=True)
        stopping = asyncio.create_task(polling.stop())
        await asyncio.sleep(0.05)
        assert not stopping.done()
        Waiting.go.set()
        await stopping
        assert await recorder.close(60.0) == 0

    with Database.open(str(tmp_path / "a.db")) as database:
        asyncio.run(run(database))
        assert [row.state for row in kept(database)] == ["ok"]


def test_a_poll_that_raises_is_a_sample_and_not_the_last(tmp_path: Path, monkeypatch, caplog) -> None:
    monkeypatch.setattr(scheduler, "Poller", Failing)
    Failing.polls = 0

    async def run(database: Database) -> None:
        recorder = Recorder(database, Retention)
        polling = Polling(Board(), recorder, 4, lambda *_: None)
        await polling.change([ORDERS])
        while Failing.polls < 5:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await polling.stop()
        assert await recorder.close(60.0) == 0

    with Database.open(str(tmp_path / "a.db")) as database:
        asyncio.run(asyncio.wait_for(run(database), 120))
        rows = kept(database)
    assert [row.state for row in rows][:4] == ["garbage", "ok", "garbage", "ok"]
    assert rows[0].error == "bug in hotgate: KeyError: 'unforeseen'"
    (said,) = [each for each in caplog.records if "polling orders" in each.getMessage()]
    assert "in poll" in json.loads(_Json().format(said))["traceback"][-1]


def test_what_follows_a_poll_may_raise_and_the_next_is_made(tmp_path: Path, monkeypatch, caplog) -> None:
    monkeypatch.setattr(scheduler, "Poller", Failing)
    Failing.polls = 1

    def after(*_: object) -> None:
        raise ZeroDivisionError

    async def run(database: Database) -> None:
        polling = Polling(Board(), Recorder(database, Retention), 4, after)
        await polling.change([ORDERS])
        while Failing.polls < 5:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await polling.stop()

    with Database.open(str(tmp_path / "a.db")) as database:
        asyncio.run(asyncio.wait_for(run(database), 120))
    assert caplog.text.count("ZeroDivisionError: \n") == 1


def test_whatever_fails_while_it_runs_what_waits_is_written(tmp_path: Path, monkeypatch) -> None:
    """A task that raised made `stop` raise, and the store was never given the rest."""
    path = tmp_path / "hotgate.toml"
    path.write_text('[sidecar]\nlisten = "127.0.0.1:0"\n', "utf-8")
    config = load_sidecar(str(path))
    logging.getLogger("hotgate").setLevel(logging.INFO)

    async def fails(*_: object) -> None:
        raise ZeroDivisionError

    async def run(database: Database) -> None:
        from gate.policy.model import Policy  # noqa: PLC0415
        from gate.sidecar.web.server import listen  # noqa: PLC0415

        sidecar = Sidecar(config, Policy(), database, lambda: (config, Policy()))
        sidecar.recorder.know([("orders", "http://h")])
        sidecar.recorder.put(Polled(Sample("orders", 1, 0, 1, "ok")))
        monkeypatch.setattr(sidecar, "_show", fails)
        with listen("127.0.0.1", 0) as sock:
            await sidecar.run(sock, None, lambda _: pytest.fail("no server"))

    with Database.open(str(tmp_path / "a.db")) as database:
        with pytest.raises(pytest.fail.Exception, match="no server"):
            asyncio.run(run(database))
        assert [row.due_ms for row in kept(database)] == [1]

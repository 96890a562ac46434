"""When services are polled, and how often what may be asked for."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from gate.sidecar.config.model import ServiceConfig
from gate.sidecar.polling import recorder, scheduler, times
from gate.sidecar.state.board import Board
from gate.sidecar.verdicts.allowance import BURST, Allowance
from gate.store.database import Database
from gate.store.retention import Retention
from tests.live.servers import serve
from tests.sidecar.answers import goprobe

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("interval", [0.5, 1.0, 10.0, 60.0])
def test_everybody_finds_the_same_times(interval: float) -> None:
    now = 1_790_000_000.0
    for name in ("a", "orders", "x" * 128):
        first = times.next_due(name, interval, now)
        assert now < first <= now + interval + 1e-6
        assert times.next_due(name, interval, first - interval / 3) == pytest.approx(first, abs=1e-6)
        following = times.next_due(name, interval, first)
        assert following == pytest.approx(first + interval, abs=1e-5)
        assert round(following * 1000) - round(first * 1000) == pytest.approx(interval * 1000, abs=1)


def test_times_are_spread_over_the_interval() -> None:
    tenths = [0] * 10
    for n in range(1000):
        tenths[int(times.phase(f"service-{n}", 10.0))] += 1
    assert min(tenths) > 60
    assert max(tenths) < 140


def test_patience_grows_and_ends() -> None:
    assert [times.skipped(n, 10.0) for n in range(9)] == [0, 0, 0, 1, 3, 7, 15, 29, 29]
    assert times.skipped(1000, 10.0) == 29
    assert times.skipped(1000, 3600.0) == 0


def test_polls_go_on_when_the_clock_is_set_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        ahead = 3600.0

        def time(self) -> float:
            return time.time() + self.ahead

    clock = Clock()
    monkeypatch.setattr(scheduler, "time", clock)

    async def run() -> tuple[int, int]:
        with serve(goprobe()) as url, Database.open(str(tmp_path / "a.db")) as database:
            board, own = Board(), recorder.Recorder(database, Retention)
            polling = scheduler.Polling(board, own, 4, lambda _entry, _replaced: None)
            await polling.change([ServiceConfig("orders", url, "", 0.5, 1.0)])
            async with asyncio.timeout(60):
                while board.late.count < 2:  # noqa: ASYNC110 - a counter is no event
                    await asyncio.sleep(0.05)
                before = board.late.count
                clock.ahead = 0.0
                while board.late.count < before + 3:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            await polling.stop()
            return before, board.late.count - before

    before, after = asyncio.run(run())
    assert before >= 2
    assert after >= 3, "it used to wait until the clock was there again, five minutes at a time"


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

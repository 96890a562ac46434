"""The verdict that page and metrics show: of the image that runs, and of the present."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from gate.policy.model import Policy
from gate.sidecar.app import STANDS, Sidecar
from gate.sidecar.config.model import ServiceConfig, load_sidecar
from gate.sidecar.state.board import Entry
from gate.sidecar.state.rehearsed import image_names, last_rehearsal
from gate.sidecar.web.api import service_shape
from gate.sidecar.web.page import _row
from gate.store.database import Database
from gate.store.entry import Entry as StoreEntry
from gate.store.polled import Sample
from gate.store.verdicts import keep

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

ORDERS = ServiceConfig("orders", "http://h", "", 10.0, 5.0)
NOW = 1_000_000.0


class Judge:
    """Looks that end when they are let go."""

    def __init__(self) -> None:
        self.looks: list[asyncio.Future[Any]] = []

    async def standing(self, _: ServiceConfig) -> Any:
        self.looks.append(asyncio.get_running_loop().create_future())
        return await self.looks[-1]


def run(folder: Path, story: Callable[[Sidecar, Entry, Judge], Awaitable[None]]) -> None:
    path = folder / "hotgate.toml"
    path.write_text('[sidecar]\nlisten = "127.0.0.1:0"\nverdict_interval = "60s"\n', "utf-8")
    config = load_sidecar(str(path))

    async def told(database: Database) -> None:
        sidecar = Sidecar(config, Policy(), database, lambda: (config, Policy()))
        judge = Judge()
        sidecar.judge = judge  # type: ignore[assignment]
        entry = sidecar.board.entries["orders"] = Entry(ORDERS)
        await story(sidecar, entry, judge)

    with Database.open(str(folder / "a.db")) as database:
        asyncio.run(told(database))


async def seen(sidecar: Sidecar, entry: Entry, epoch: str, source: str = "goprobe") -> None:
    sample = Sample("orders", round(NOW * 1000), 0, 1, "ok", source=source, epoch=epoch)
    sidecar._after(entry, entry.add(sample))
    await asyncio.sleep(0.01)


async def ends(look: asyncio.Future[Any], verdict: str | Exception) -> None:
    if isinstance(verdict, Exception):
        look.set_exception(verdict)
    else:
        look.set_result(SimpleNamespace(verdict=verdict))
    await asyncio.sleep(0.01)


def test_a_service_that_loses_its_goprobe_is_looked_at_again(tmp_path: Path) -> None:
    """No CPU profile may be started, which the look itself heeds: what it says is inconclusive, and not the `pass` of before."""

    async def story(sidecar: Sidecar, entry: Entry, judge: Judge) -> None:
        await seen(sidecar, entry, "a")
        await ends(judge.looks[0], "pass")
        assert entry.standing_verdict(NOW) == "pass"
        for _ in range(2):  # once might be a goprobe that does not answer right now
            await seen(sidecar, entry, "b", "net/http/pprof")
        assert entry.standing_verdict(NOW) is None
        await ends(judge.looks[1], "inconclusive")
        assert entry.standing_verdict(NOW) == "inconclusive"

    run(tmp_path, story)


def test_a_look_during_which_the_image_was_replaced_is_made_again(tmp_path: Path) -> None:
    async def story(sidecar: Sidecar, entry: Entry, judge: Judge) -> None:
        await seen(sidecar, entry, "a")
        await seen(sidecar, entry, "b")
        assert len(judge.looks) == 1
        await ends(judge.looks[0], "pass")
        assert entry.standing is None
        assert len(judge.looks) == 2
        await ends(judge.looks[1], "block")
        assert entry.standing_verdict(NOW) == "block"
        await seen(sidecar, entry, "b")
        assert len(judge.looks) == 2

    run(tmp_path, story)


def test_a_service_that_leaves_during_a_look_is_not_looked_at_again(tmp_path: Path) -> None:
    async def story(sidecar: Sidecar, entry: Entry, judge: Judge) -> None:
        await seen(sidecar, entry, "a")
        await seen(sidecar, entry, "b")
        del sidecar.board.entries["orders"]
        await ends(judge.looks[0], "pass")
        assert len(judge.looks) == 1

    run(tmp_path, story)


def test_a_verdict_that_no_look_renews_does_not_stand(tmp_path: Path, caplog, monkeypatch) -> None:
    async def story(sidecar: Sidecar, entry: Entry, judge: Judge) -> None:
        await seen(sidecar, entry, "a")
        await ends(judge.looks[0], "pass")
        until = entry.standing_until
        assert until == entry.standing_at + STANDS * 60
        entry.looked_at -= 60
        await seen(sidecar, entry, "a")
        await ends(judge.looks[1], RuntimeError("look"))
        assert entry.good is not None
        for now, verdict, why in (
            (until - 1, "pass", ""),
            (until + 1, "inconclusive", "the last look at it ended 3 min ago"),
        ):
            entry.add(Sample("orders", round(now * 1000), 0, 1, "ok", epoch="a"))
            assert entry.standing_verdict(now) == verdict
            assert _row("orders", entry, now)["doubt"] == why

    monkeypatch.setattr("gate.sidecar.web.page._why", lambda _: "")
    run(tmp_path, story)
    assert "bug in hotgate: RuntimeError: look" in caplog.text


def test_a_verdict_on_a_service_that_is_not_seen_says_so() -> None:
    entry = Entry(ORDERS, standing=SimpleNamespace(verdict="pass"))  # type: ignore[arg-type]
    entry.add(Sample("orders", round(NOW * 1000), 0, 1, "ok"))
    assert entry.standing_verdict(NOW + 1) == "pass"
    assert entry.standing_verdict(NOW + 31) == "inconclusive"
    assert _row("orders", entry, NOW + 31)["doubt"] == "seen last 31 s ago"


def test_the_last_rehearsal_of_the_running_image_is_shown_with_its_age(tmp_path: Path) -> None:
    body = {
        "kind": "rehearse", "subject": "a → b", "verdict": "pass", "exit_code": 0, "report_sha256": "",
        "inputs": {"old": {"sha256": "a" * 64, "build_id": "old/id"}, "new": {"sha256": "b" * 64, "build_id": "new/id"}},
    }  # fmt: skip
    image = {"sha256": "", "gnu_build_id": "", "go_build_id": "new/id"}
    report = SimpleNamespace(verdict="pass", live=SimpleNamespace(topics=[SimpleNamespace(topic="image", facts=image)]))

    async def story(sidecar: Sidecar, entry: Entry, judge: Judge) -> None:
        keep(sidecar.database, StoreEntry("rehearse", "a → b", "pass", 0, json.dumps(body), "{}"))
        await seen(sidecar, entry, "a")
        judge.looks[0].set_result(report)
        for _ in range(1000):
            if entry.rehearsed is not None:
                break
            await asyncio.sleep(0.01)
        assert entry.rehearsed is not None
        shape = service_shape("orders", entry, NOW)
        assert (shape["rehearsed"], shape["rehearsed_at"] is not None) == ("pass", True)
        assert b'hotgate_service_rehearsed_seconds{service="orders",verdict="pass"}' in sidecar.metrics.text()
        image["go_build_id"] = "another/id"
        assert last_rehearsal(sidecar.database, image_names(report)) is None

    run(tmp_path, story)

"""Who waits for whom when verdicts are asked for, and by which policy they are given."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from gate.policy.file import load_policy
from gate.sidecar.config.model import load_sidecar
from gate.sidecar.verdicts import judge
from gate.sidecar.verdicts.judge import AT_ONCE, COMPARISONS, Judge, Unanswerable
from gate.store.database import Database
from tests.live.servers import PLAIN, serve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gate.sidecar.config.model import ServiceConfig


class Site:
    """A judge, and what it is configured by; `load` reads the file again, as a reload does."""

    def __init__(self, folder: Path, url: str, database: Database) -> None:
        self.path = folder / "hotgate.toml"
        self.new = folder / "new"
        self.new.write_bytes(b"no program")
        self.text = f'[sidecar]\nreleases = ["{folder}"]\n[[sidecar.service]]\nname = "orders"\nurl = "{url}"\n'
        self.path.write_text(self.text, "utf-8")
        self.load()
        self.judge = Judge(database, lambda: self.config, lambda: self.policy)

    def load(self) -> None:
        self.policy, self.config = load_policy(str(self.path)), load_sidecar(str(self.path))

    @property
    def orders(self) -> ServiceConfig:
        return self.config.services[0]


@pytest.fixture
def site(tmp_path: Path) -> Any:
    with serve(PLAIN) as url, Database.open(str(tmp_path / "a.db")) as database:
        made = Site(tmp_path, url, database)
        yield made
        made.judge.close()


def test_comparisons_that_wait_hold_up_no_answer_on_a_service_as_it_is(site: Site, monkeypatch) -> None:
    async def run() -> None:
        go = asyncio.Event()

        async def compare(*_: object) -> Any:
            await go.wait()
            raise Unanswerable(422, "unreadable", "no program")

        monkeypatch.setattr(site.judge, "_compare", compare)
        waiting = [asyncio.create_task(site.judge.answer(site.orders, str(site.new))) for _ in range(COMPARISONS)]
        assert len(waiting) > AT_ONCE
        await asyncio.sleep(0.05)
        assert not any(each.done() for each in waiting)
        answer = await asyncio.wait_for(site.judge.answer(site.orders), 120)
        assert answer.report.verdict == "inconclusive"
        with pytest.raises(Unanswerable, match="more than 8 comparisons"):
            await site.judge.answer(site.orders, str(site.new))
        go.set()
        assert {str(each) for each in await asyncio.gather(*waiting, return_exceptions=True)} == {"no program"}

    asyncio.run(run())


def test_the_log_names_the_policy_that_it_was_judged_by(site: Site, monkeypatch) -> None:
    """A comparison that a reload comes into is refused; one that still waits is judged by the new policy, and says so."""
    kept: list[object] = []

    async def run() -> None:
        go, begun = asyncio.Event(), asyncio.Event()

        async def compare(_service: object, _new: str, policy: object) -> Any:
            begun.set()
            await go.wait()
            return SimpleNamespace(policy=policy)

        def keep(_service: object, report: Any, policy: object, _compared: bool) -> object:
            assert report.policy is policy
            kept.append(policy)
            return None

        monkeypatch.setattr(site.judge, "_compare", compare)
        monkeypatch.setattr(site.judge, "_keep", keep)
        first = asyncio.create_task(site.judge.answer(site.orders, str(site.new)))
        await begun.wait()
        asked = asyncio.create_task(site.judge.answer(site.orders, str(site.new)))
        await asyncio.sleep(0.01)
        site.path.write_text(f'fail_on = "info"\n{site.text}', "utf-8")
        site.load()
        go.set()
        found = await asyncio.gather(first, asked, return_exceptions=True)
        assert isinstance(found[0], Unanswerable)
        assert found[0].code == "not_loaded"
        assert not isinstance(found[1], BaseException)
        assert kept == [site.policy]

    asyncio.run(run())


def test_what_is_judged_while_a_reload_comes_is_told_by_the_policy_that_it_began_with(site: Site, monkeypatch) -> None:
    async def run() -> None:
        ask: Callable[..., Any] = site.judge._ask

        async def reloaded(*args: Any) -> Any:
            found = await ask(*args)
            site.path.write_text(f'fail_on = "info"\n{site.text}', "utf-8")
            site.load()
            return found

        before = site.policy
        monkeypatch.setattr(site.judge, "_ask", reloaded)
        answer = await site.judge.answer(site.orders)
        assert site.policy.fail_on != before.fail_on
        assert answer.report.policy.fail_on == before.fail_on
        assert json.loads(answer.record.body)["verdict"] == answer.report.verdict

    asyncio.run(run())


def test_a_comparison_inherits_nothing_that_would_decide_or_leak() -> None:
    for name in ("HOTGATE_BASELINE", "HOTGATE_POLICY", "HOTGATE_TARGET", "HOTGATE_TOKEN_FILE", "HOTGATE_STORE"):
        assert name in judge.NOT_INHERITED
    assert "HOTGATE_MODE" not in judge.NOT_INHERITED

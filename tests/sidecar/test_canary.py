"""A canary as the sidecar and `hotgate watch` see it: both sides while it runs, its end in the log, and a judge by HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import convert, to_builtins
from sqlalchemy import update

from gate.policy.errors import PolicyError
from gate.sidecar.canaries import RECENT, Canaries
from gate.sidecar.config.model import ServiceConfig, load_sidecar
from gate.sidecar.state.board import Entry
from gate.store import samples, verdicts
from gate.store.database import Database
from gate.store.tables import VERDICTS
from gate.watch.canary import decide, exit_code, keep, shape
from gate.watch.config import CanaryLimits
from probes.live.goprobe import wire
from scripts.measure.simulated import examples
from tests.conftest import first
from tests.live.servers import http, serve
from tests.sidecar.conftest import REPO, Running

if TYPE_CHECKING:
    import socket
    from pathlib import Path

EXAMPLE: dict[str, Any] = examples()["status"]["canary"]
CONFIG = """
[sidecar]
listen = "127.0.0.1:0"
interval = "500ms"

[[sidecar.service]]
name = "orders"
url = "{url}"

[sidecar.service.canary]
min_requests = 50
"""


def status(**changes: Any) -> wire.CanaryStatus:
    """The example of WIRE.md with changes; those of a side as `new__failed`."""
    body = json.loads(json.dumps(EXAMPLE))
    for name, value in changes.items():
        *way, last = name.split("__")
        inner = body
        for part in way:
            inner = inner[part]
        inner[last] = value
    return convert(body, wire.CanaryStatus)


def running(**changes: Any) -> wire.CanaryStatus:
    """One that runs, and of which nothing bad is known."""
    running = {"state": "running", "decision": "wait", "code": "", "reason": "", "new__failed": 0}
    return status(**{**running, "decided_monotonic_ns": 0, "ended_monotonic_ns": 0, **changes})


class Service:
    """A service with goprobe whose canary is what the test says."""

    def __init__(self, canary: wire.CanaryStatus | None) -> None:
        self._answers = examples()
        self._lock = threading.Lock()
        self.canary = canary

    def __call__(self, path: str, _: socket.socket) -> bytes:
        name = path.removeprefix("/debug/hotgate/")
        with self._lock:
            if name not in self._answers:
                return http(b"", status=404)
            answer = dict(self._answers[name])
            if name == "status":
                canary = self.canary
                answer["canary"] = None if canary is None else to_builtins(canary)
                if canary is not None and canary.ended_monotonic_ns:
                    answer["taken_monotonic_ns"] = canary.ended_monotonic_ns + 1_000_000_000
        return http(json.dumps(answer).encode())


@pytest.mark.parametrize(
    ("changes", "decision", "reason"),
    [
        ({}, "wait", ""),
        (
            {"new__failed": 10, "new__requests": 50},
            "end",
            "failures: 10 of 50 (20.000%), beside it 2 of 9,480 (0.021%)",
        ),
        ({"new__slow": 60}, "end", "latency: 60 of 490"),
        (
            {"over": True, "new__requests": 99},
            "undecided",
            "too few requests to judge by: 99 (490 since the warm-up), and 9480 (9310) beside it",
        ),
        ({"over": True, "old__requests": 99}, "undecided", "too few requests to judge by: 498 (490 since"),
        ({"over": True, "new__timed": 99}, "undecided", "too few requests to judge by: 498 (99 since the warm-up)"),
        (
            {"over": True, "old__timed": 0, "old__slow": 0},
            "undecided",
            "too few requests",
        ),  # it is not known what is slow
        ({"over": True}, "promote", "498 requests, 0 failed"),
        ({"new__requests": 0, "new__timed": 0, "old__requests": 0, "old__timed": 0}, "wait", ""),
    ],
)
def test_the_decision_is_that_of_goprobes_own_judge(changes: dict[str, Any], decision: str, reason: str) -> None:
    found, said, rulings = decide(running(**changes), CanaryLimits())
    assert (found, said[: len(reason)]) == (decision, reason)
    assert [each.rule for each in rulings] == ["failures", "latency"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"state": "promoted", "code": "judge"}, 0),
        ({"state": "ended", "code": "crashed"}, 10),
        ({"state": "ended", "code": "judge"}, 10),
        ({"state": "ended", "decision": "undecided", "code": "too_few"}, 11),
        ({"state": "running", "code": ""}, 11),
    ],
)
def test_exit_codes(changes: dict[str, Any], code: int) -> None:
    assert exit_code(status(**changes)) == code


def test_texts_of_a_service_are_bounded() -> None:
    found = shape("orders", status(reason="x\0" * 100_000, rules=[EXAMPLE["rules"][0]] * 1000))
    assert len(found["reason"]) == 300
    assert "\0" not in found["reason"]
    assert len(found["rules"]) == 16


def note(canaries: Canaries, canary: wire.CanaryStatus, age: float | None) -> None:
    entry = Entry(ServiceConfig("orders", "http://127.0.0.1:1", "", 1.0, 1.0), canary=canary, canary_age=age)
    asyncio.run(canaries.note(entry))


def kept(database: Database) -> list[tuple[str, int]]:
    with database.read() as connection:
        key = samples.service_id(connection, "orders")
        found = [] if key is None else verdicts.newest(connection, key, "canary", 100)
    return [(each.verdict, each.exit_code) for each in found]


def test_each_end_is_recorded_once(tmp_path: Path) -> None:
    with Database.open(str(tmp_path / "a.db")) as database:
        canaries = Canaries(database)
        note(canaries, running(), None)
        assert kept(database) == []
        for _ in range(3):
            note(canaries, status(), 2.0)
        note(Canaries(database), status(), 2.0)  # a second sidecar, or this one after a restart
        assert kept(database) == [("ended", 10)]
        note(canaries, status(epoch="c" * 32, state="promoted", code="judge"), 0.5)
        assert kept(database) == [("promoted", 0), ("ended", 10)]


def test_an_end_from_before_the_sidecars_time_is_not_recorded(tmp_path: Path) -> None:
    with Database.open(str(tmp_path / "a.db")) as database:
        note(Canaries(database), status(), RECENT + 10)
        assert kept(database) == []
        canaries = Canaries(database)
        note(canaries, running(), None)
        note(canaries, status(), RECENT + 10)  # the service did not answer for a while
        assert kept(database) == [("ended", 10)]


def test_an_end_that_was_changed_afterwards_shows(tmp_path: Path) -> None:
    with Database.open(str(tmp_path / "a.db")) as database:
        assert keep(database, "orders", status())
        with database.read() as connection:
            assert not list(verdicts.disagreements(connection))
        with database.write() as connection:
            connection.execute(update(VERDICTS).values(verdict="promoted"))
        with database.read() as connection:
            assert len(list(verdicts.disagreements(connection))) == 1


@pytest.mark.patient
def test_the_sidecar_shows_both_sides_and_judges(tmp_path: Path) -> None:
    service = Service(running())
    with serve(service) as url, Running(tmp_path, CONFIG.format(url=url)) as sidecar:
        shown = sidecar.eventually(lambda: sidecar.get("/v1/services/orders")["service"]["canary"])
        assert (shown["state"], shown["new"]["requests"], shown["old"]["requests"]) == ("running", 498, 9480)
        _, _, metrics = sidecar.ask("/metrics")
        assert 'hotgate_service_canary{service="orders"} 0.05' in metrics
        assert 'hotgate_service_canary_requests{service="orders",side="new"} 498.0' in metrics
        _, _, page = sidecar.ask("/services/orders")
        assert "Canary: running" in page
        assert "498" in page
        for sent, decision in (
            (running(), "wait"),
            (running(over=True, new__requests=60, new__timed=55), "promote"),  # the configuration asks for 50
            (running(new__failed=30), "end"),
        ):
            code, _, body = sidecar.ask("/v1/services/orders/canary", to_builtins(sent))
            assert code == 200, body
            assert json.loads(body)["decision"] == decision
        assert sidecar.ask("/v1/services/nobody/canary", to_builtins(running()))[0] == 404
        code, _, body = sidecar.ask("/v1/services/orders/canary", {"state": "running"})
        assert (code, json.loads(body)["error"]["code"]) == (400, "bad_request")
        standing = sidecar.eventually(lambda: sidecar.get("/v1/services/orders")["service"]["standing"])
        assert [each["rule"] for each in standing["findings"] if each["severity"] == "block"].count("HG517") == 1

        service.canary = status()
        sidecar.eventually(lambda: "the canary ends: 11 of 498 requests failed" in sidecar.log)
        _, _, page = sidecar.ask("/services/orders")
        assert "Canary: running" not in page
        assert "11 of 498 requests failed" in page
        assert 'hotgate_service_canary{service="orders"} 0.0' in sidecar.ask("/metrics")[2]
        assert sidecar.get("/v1/services/orders")["service"]["canary"]["exit_code"] == 10


def watched(folder: Path, url: str, *arguments: str) -> subprocess.Popen[str]:
    (folder / "hotgate.toml").write_text(CONFIG.format(url=url), "utf-8")
    argv = [sys.executable, "-m", "gate", "watch", "orders", "--canary", "--store", str(folder / "w.db"), *arguments]
    env = {name: value for name, value in os.environ.items() if not name.startswith("HOTGATE_")}
    return subprocess.Popen(
        argv,
        cwd=folder,
        env={**env, "PYTHONPATH": str(REPO)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.patient
@pytest.mark.parametrize(
    ("end", "code"),
    first(
        1, [({}, 10), ({"state": "promoted", "code": "judge"}, 0), ({"decision": "undecided", "code": "too_few"}, 11)]
    ),
)
def test_watch_follows_a_canary(tmp_path: Path, end: dict[str, Any], code: int) -> None:
    service = Service(None)
    with serve(service) as url, watched(tmp_path, url, "--audit") as process:
        service.canary = running()
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "running at 0.05: NEW 498 requests, 0 failed" in line
        assert "OLD 9,480 requests, 2 failed" in line
        service.canary = status(**end)
        out, _ = process.communicate(timeout=300)
        assert process.returncode == code, out
        assert json.loads(out)["new"]["failed"] == 11
    with Database.open(str(tmp_path / "w.db")) as database:
        assert [each[1] for each in kept(database)] == [code]


@pytest.mark.parametrize(
    ("canary", "code", "said"),
    first(
        1, [(None, 11, "no canary runs"), (running(), 11, '"state": "running"'), (status(), 10, '"code": "failures"')]
    ),
)
def test_watch_looks_once(tmp_path: Path, canary: wire.CanaryStatus | None, code: int, said: str) -> None:
    with serve(Service(canary)) as url, watched(tmp_path, url, "--once") as process:
        out, err = process.communicate(timeout=300)
        assert process.returncode == code
        assert said in out + err
        assert "Traceback" not in err


def test_a_key_that_means_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hotgate.toml"
    path.write_text(CONFIG.format(url="http://127.0.0.1:1").replace("min_requests", "min_request"), "utf-8")
    with pytest.raises(PolicyError, match=r"unknown key sidecar.service.*min_request"):
        load_sidecar(str(path))

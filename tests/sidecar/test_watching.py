"""The watch of a sidecar on a service that goes over to another image and gets worse: told by API, webhook and log."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from gate.sidecar import watching
from gate.sidecar.config.model import ServiceConfig, load_sidecar
from gate.sidecar.state.board import Board, Entry
from gate.sidecar.state.images import Images, Sight
from gate.sidecar.watching import Watching
from gate.store.database import Database
from gate.store.polled import Polled, Sample
from gate.store.samples import service_ids, write
from gate.watch.config import WatchConfig, WatchRule
from gate.watch.looking import look
from gate.watch.measure import Span
from scripts.measure.simulated import examples
from tests.conftest import first
from tests.live.servers import http, serve
from tests.sidecar.conftest import REPO, Running

if TYPE_CHECKING:
    import socket
    from pathlib import Path

pytestmark = pytest.mark.patient

WATCH = """
[sidecar]
listen = "127.0.0.1:0"
interval = "500ms"

[[sidecar.service]]
name = "orders"
url = "{url}"
counters = ["served", "failed"]

[sidecar.service.watch]
within = "{within}"
baseline = "1m"

[[sidecar.service.watch.rule]]
name = "error rate"
kind = "ratio"
source = "expvar"
bad = "failed"
total = "served"
times = 3
"""


class Worse:
    """A service that serves 200 requests between two polls, a few of them in vain; after its update, `share`; None serves none."""

    def __init__(self, share: float | None) -> None:
        self._answers = examples()
        self._share = share
        self._lock = threading.Lock()
        self.served = self.failed = 0
        self.updated = False

    def update(self) -> None:
        with self._lock:
            self.updated = True
            self.served = self.failed = 0  # a new image counts from 0
            self._answers["status"]["image"]["epoch"] = "b" * 32

    def __call__(self, path: str, _: socket.socket) -> bytes:
        name = path.removeprefix("/debug/hotgate/")
        if path == "/debug/vars":
            with self._lock:
                share = self._share if self.updated else 0.005
                if share is not None:
                    self.served += 200
                    self.failed += round(200 * share)
                return http(json.dumps({"served": self.served, "failed": self.failed}).encode())
        shape = self._answers.get(name)
        return http(json.dumps(shape).encode()) if shape is not None else http(b"404", status="404 Not Found")


def updated(*moments: float) -> Images:
    """Images of a service that went over to another one at those times, now unless given."""
    found = Images()
    for n, moment in enumerate((0.0, *(moments or (time.time(),)))):
        found.see(Sight(int(moment * 1000), 0, 0, "goprobe", str(n)))
    return found


def environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.defpath, "PYTHONPATH": str(REPO), "HOME": str(folder)}


def test_a_service_that_gets_worse_is_to_be_rolled_back(tmp_path: Path) -> None:
    service = Worse(0.2)
    with serve(service) as url, Running(tmp_path, WATCH.format(url=url, within="30s")) as running:
        assert running.eventually(lambda: running.get("/v1/services/orders/watch"))["state"] == "idle"
        assert running.ask("/v1/rollback", {"name": "orders"})[0] == 409
        running.sampled("orders", 8)
        begun = time.time()
        service.update()
        found = running.eventually(lambda: (w := running.get("/v1/services/orders/watch"))["state"] == "rollback" and w)
        assert found["exit_code"] == 10
        assert found["rules"][0]["fires"]
        assert found["rules"][0]["chance"] < 1e-4
        assert running.ask("/v1/rollback", {"name": "x", "metadata": {"service": "orders"}})[0] == 200
        later = f"{time.time():.3f}"
        hook = {"name": "x", "metadata": {"service": "orders", "since": later}}
        assert running.ask("/v1/rollback", hook)[0] == 409, "the next update is another matter"
        assert running.get(f"/v1/services/orders/watch?since={later}")["state"] == "idle"
        assert running.get(f"/v1/services/orders/watch?since={begun:.3f}") == found
        for wrong in ("x", "nan", "-1", "1e300", "0x10"):
            assert running.ask(f"/v1/services/orders/watch?since={wrong}")[0] == 400, wrong
        assert "rollback" in running.ask("/services/orders")[2]
        again = running.get("/v1/services/orders/watch")
        assert again == found, "it stands until the next update"
        assert running.end() == 0

    def audit(*arguments: str) -> str:
        argv = [sys.executable, "-m", "gate", "audit", *arguments, "--store", str(running.store)]
        env = environment(tmp_path)
        return subprocess.run(argv, capture_output=True, text=True, check=True, cwd=tmp_path, env=env).stdout

    bodies = [each["body"] for each in json.loads(audit("list", "--format", "json"))]
    assert [(body["kind"], body["verdict"]) for body in bodies] == [("watch", "rollback")]
    assert json.loads(audit("show", "1", "--report")) == found
    assert "1 record, whole" in audit("verify")


@pytest.mark.parametrize("updated", first(1, ["before", "while nobody looked"]))
def test_a_sidecar_that_was_killed_does_not_end_the_watch(tmp_path: Path, updated: str) -> None:
    service = Worse(0.2)
    with serve(service) as url:
        text = WATCH.format(url=url, within="60s")
        with Running(tmp_path, text) as running:
            running.eventually(lambda: running.get("/v1/services/orders")["service"]["epoch"])
            running.sampled("orders", 8)
            if updated == "before":
                service.update()
                running.eventually(lambda: running.get("/v1/services/orders/watch")["state"] == "watching")
                time.sleep(1)
            running.process.kill()
            running.process.wait()
        if updated != "before":
            service.update()
        with Running(tmp_path, text) as running:
            found = running.eventually(
                lambda: (w := running.get("/v1/services/orders/watch"))["state"] == "rollback" and w
            )
            assert found["rules"][0]["fires"]


def test_a_service_that_stays_as_it_was_is_clear_at_the_end(tmp_path: Path) -> None:
    service = Worse(0.005)
    with serve(service) as url, Running(tmp_path, WATCH.format(url=url, within="6s")) as running:
        running.eventually(lambda: running.get("/v1/services/orders")["service"]["epoch"])
        running.sampled("orders", 8)
        service.update()
        state = running.eventually(
            lambda: (w := running.get("/v1/services/orders/watch"))["state"] not in ("idle", "watching") and w
        )
        assert (state["state"], state["exit_code"]) == ("clear", 0)


@pytest.mark.long
def test_one_that_nothing_reaches_any_more_is_inconclusive_and_says_so(tmp_path: Path) -> None:
    service = Worse(None)
    with serve(service) as url, Running(tmp_path, WATCH.format(url=url, within="20s")) as running:
        running.eventually(lambda: running.get("/v1/services/orders")["service"]["epoch"])
        running.sampled("orders", 8)
        service.update()
        found = running.eventually(
            lambda: (w := running.get("/v1/services/orders/watch"))["state"] not in ("idle", "watching") and w
        )
        assert (found["state"], found["exit_code"]) == ("inconclusive", 11)
        assert "no requests since the update, where about" in found["said"]
        assert found["said"] == f"error rate: {found['rules'][0]['said']}"
        assert "no requests since the update, where about" in running.log


def test_without_a_time_before_it_is_inconclusive(tmp_path: Path) -> None:
    """`hotgate watch` of a service that no sidecar has polled."""
    (tmp_path / "hotgate.toml").write_text(WATCH.format(url="http://127.0.0.1:9", within="5s"), "utf-8")
    argv = [sys.executable, "-m", "gate", "watch", "orders", "--store", str(tmp_path / "a.db"), "--audit"]
    env = environment(tmp_path)
    begun = time.monotonic()
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=tmp_path, env=env)
    assert time.monotonic() - begun > 4
    assert done.returncode == 11, done.stderr
    assert json.loads(done.stdout)["state"] == "inconclusive"
    for arguments, message in (
        (["nobody"], "no such service"),
        (["orders", "--config", "nowhere"], "cannot read"),
        (["orders", "--since", "nan"], "--since is no time"),
        (["orders", "--since", "inf"], "--since is no time"),
        (["orders", "--since", "-1e300"], "--since is no time"),
        (["orders", "--since", "99999999999"], "--since is no time"),
    ):
        done = subprocess.run(
            [*argv[:4], *arguments], capture_output=True, text=True, check=False, cwd=tmp_path, env=env
        )
        assert (done.returncode, message in done.stderr.splitlines()[0]) == (2, True)


def waited(folder: Path, updated: bool, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`hotgate watch` of a service that a sidecar has polled every second, and perhaps saw go over to a bad image."""
    (folder / "hotgate.toml").write_text(text, "utf-8")
    now = time.time()
    rows = []
    for n in range(40):
        new = updated and n >= 36
        served, failed = ((n - 35) * 200, (n - 35) * 60) if new else (200 * n, 2 * n)
        counters = json.dumps({"served": served, "failed": failed})
        epoch, due = "b" if new else "a", int((now - 40 + n) * 1000)
        rows.append(Polled(Sample("orders", due, 0, 0, "ok", source="goprobe", epoch=epoch, counters=counters)))
    with Database.open(str(folder / "a.db")) as database:
        write(database, rows, service_ids(database, [("orders", "http://h")]))
    argv = [sys.executable, "-m", "gate", "watch", "orders", "--store", str(folder / "a.db"), *arguments]
    env = environment(folder)
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd=folder, env=env, timeout=120)


def test_who_says_no_time_watches_the_update_that_the_sidecar_saw(tmp_path: Path) -> None:
    text = WATCH.format(
        url="http://127.0.0.1:9", within="100s"
    )  # it ends with what it sees first, and may be begun late
    assert waited(tmp_path, True, text).returncode == 10


def test_an_update_that_never_came_is_not_clear(tmp_path: Path) -> None:
    """goprobe refuses a bad image, and everything is as it was."""
    answer = http(b'{"status": "success", "data": {"resultType": "scalar", "result": [0, "1"]}}')
    with serve({"/api/v1/query": answer}) as url:
        text = WATCH.format(url="http://127.0.0.1:9", within="25s")
        text = text.replace("[[sidecar.service.watch.rule]]", f'prometheus = "{url}"\n[[sidecar.service.watch.rule]]')
        text = text[: text.index("kind =")] + 'kind = "level"\nvalue = "latency"\ntimes = 3\n'
        then = f"{time.time() - 20:.3f}"
        done = waited(tmp_path, False, text, "--since", then)
        assert (done.returncode, "saw no update since" in done.stdout) == (11, True), done.stdout + done.stderr
        done = waited(tmp_path, True, text, "--since", then)
        assert (done.returncode, json.loads(done.stdout)["state"]) == (0, "clear"), done.stdout + done.stderr


@pytest.mark.parametrize("epochs", ["aaabb", "aa.bb", "aabbb"])
def test_what_the_old_image_counts_after_the_signal_is_not_the_new_ones(tmp_path: Path, epochs: str) -> None:
    """Whoever notes the time and then sends the signal notes one at which the old image still runs, for a poll or more."""
    (tmp_path / "hotgate.toml").write_text(WATCH.format(url="http://127.0.0.1:9", within="5m"), "utf-8")
    config = load_sidecar(str(tmp_path / "hotgate.toml")).services[0].watch
    assert config is not None
    old = [(1_000_000 + 1000 * n, 1000 + n) for n in range(5)]
    new = [(1000 * n, 500 * n) for n in range(5)]
    with Database.open(str(tmp_path / "a.db")) as database:
        ids = service_ids(database, [("orders", "http://h")])
        rows = []
        for n, epoch in enumerate(epochs):
            served, failed = (new if epoch == "b" else old)[n]
            counters = "{}" if epoch == "." else json.dumps({"served": served, "failed": failed})
            shape = Sample("orders", 10_000 * (n + 1), 0, 0, "ok", epoch=epoch.strip("."), counters=counters)
            rows.append(Polled(shape))
        write(database, rows, ids)
        rulings = asyncio.run(look(config, database, "orders", Span(25.0, 25.0, 60.0)))
        assert [each.fires for each in rulings] == [True], rulings
        assert asyncio.run(look(config, database, "orders", Span(25.0, 25.0, 29.0)))[0].fires is None, (
            "no update was seen yet"
        )


@pytest.mark.parametrize(("stuck", "seen"), [(watching.AT_ONCE - 1, True), (watching.AT_ONCE + 4, False)])
def test_a_prometheus_that_never_answers_holds_up_its_own_watch_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stuck: int, seen: bool
) -> None:
    """As long as there are fewer such than are looked at at once, of which there are never more."""
    monkeypatch.setattr(watching, "EVERY", 0.1)
    asked = {"stuck": 0, "quick": 0}

    def never(_path: str, _connection: socket.socket) -> None:
        asked["stuck"] += 1

    def at_once(_path: str, _connection: socket.socket) -> bytes:
        asked["quick"] += 1
        return http(b'{"status": "success", "data": {"resultType": "vector", "result": []}}')

    def entry(name: str, url: str) -> Entry:
        rules = (WatchRule("errors", "ratio", "prometheus", "e", "r", "", 3, 10),)
        watch = WatchConfig("any", 300, 60, url, rules)
        return Entry(ServiceConfig(name, "http://h", "", 10.0, 5.0, watch=watch), images=updated())

    async def run(slow: str, fast: str, database: Database) -> None:
        entries = [entry(f"stuck-{n}", slow) for n in range(stuck)] + [entry("quick", fast)]
        board = Board({each.config.name: each for each in entries})
        task = asyncio.create_task(Watching(board, database).run())
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not task.done():
            if asked["stuck"] >= min(stuck, watching.AT_ONCE) and (asked["quick"] > 8 or not seen):
                break
            await asyncio.sleep(0.05)
        if not seen:  # for as long as ten looks take on an idle machine
            await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with serve(never) as slow, serve(at_once) as fast, Database.open(str(tmp_path / "a.db")) as database:
        asyncio.run(run(slow, fast, database))
    assert asked["stuck"] == min(stuck, watching.AT_ONCE)
    assert (asked["quick"] > 8) is seen


def test_a_bug_in_a_look_ends_the_watching_under_its_own_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(watching, "EVERY", 0.01)

    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(watching, "look", broken)
    watch = WatchConfig("any", 300, 60, "", ())
    one = Entry(ServiceConfig("a", "http://h", "", 10.0, 5.0, watch=watch), images=updated())
    with Database.open(str(tmp_path / "a.db")) as database, pytest.raises(ZeroDivisionError):
        asyncio.run(Watching(Board({"a": one}), database).run())

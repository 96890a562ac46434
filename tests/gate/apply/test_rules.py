"""The rules after the take-over: what they compare with, what they say, and a clock that is set meanwhile."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import insert

from gate.apply.host.config import Host
from gate.apply.service import rules
from gate.store.database import Database
from gate.store.tables import SAMPLES, SERVICES
from gate.watch.config import WatchConfig, WatchRule

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

RULE = WatchRule("error rate", "ratio", "expvar", "failures", "requests", "", 3.0, 10)
LEVEL = WatchRule("goroutines", "level", "expvar", "", "", "workers", 2.0, 10)


def watched(*own: WatchRule, within: float = 0.3) -> WatchConfig:
    return WatchConfig("any", within, 60.0, "", own or (RULE,))


def host(port: int, config: WatchConfig) -> Host:
    nothing = dict.fromkeys(("repository", "root", "token_file", "pid_file", "unit", "ready", "owner"), "")
    return Host(
        name="orders",
        folder=Path("/nowhere"),
        file="orders",
        state=Path("/nowhere"),
        url=f"http://127.0.0.1:{port}",
        trigger="SIGHUP",
        start=(),
        within=1.0,
        quiet=0.0,
        keep=2,
        mode=0o755,
        watch=config,
        **nothing,
    )


@contextmanager
def counting(values: dict[str, object]) -> Iterator[int]:
    """A service whose expvar variables are `values`, which may change meanwhile; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(values).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


def test_without_a_sidecar_its_whole_life_is_what_came_before() -> None:
    values: dict[str, object] = {"requests": 10_000, "failures": 10, "workers": 7, "name": "x"}
    config = watched(RULE, LEVEL)
    with counting(values) as port:
        earlier = rules.before(host(port, config), "", config, None)
        assert [json.loads(each) for each in earlier] == [
            {"requests": 0, "failures": 0},
            {"requests": 10_000, "failures": 10, "workers": 7},
        ]
        values |= {"requests": 200, "failures": 60, "workers": 8}  # of the new image, which counts from 0
        watch = rules.Watch(host(port, config), "", config, earlier)
        assert watch.look() == "rollback"
        assert watch.words().startswith("error rate: 60 of 200 (30.000%), before: 10 of 10,000 (0.100%)")


def test_a_good_release_is_clear_when_its_time_is_up_and_one_without_requests_is_not() -> None:
    values: dict[str, object] = {"requests": 10_000, "failures": 10}
    config = watched()
    with counting(values) as port:
        earlier = rules.before(host(port, config), "", config, None)
        for requests, state in ((500, "clear"), (0, "inconclusive")):
            values |= {"requests": requests, "failures": 0}
            watch = rules.Watch(host(port, config), "", config, earlier)
            assert watch.look() == "watching"
            time.sleep(max(0.0, watch.left()) + 0.01)
            assert watch.look() == state
        assert watch.words() == "error rate: no requests since the update"


def test_the_samples_of_a_sidecar_are_what_came_before_those_of_the_image_that_runs(tmp_path: Path) -> None:
    config = watched()
    now = int(time.time() * 1000)
    with Database.open(str(tmp_path / "store.db")) as database:
        with database.write() as connection:
            row = {"name": "orders", "url": "", "first_seen_ms": 0}
            key = connection.execute(insert(SERVICES).values(row)).inserted_primary_key[0]
            blank = {"error": "", "source": "goprobe", "profiler": "none", "health_parts": "[]", "service_id": key}
            blank |= {"late_ms": 0, "took_ms": 0, "state": "ok"}
            rows = [("a", 900_000), ("b", 100), ("b", 600), ("b", 1100)]
            connection.execute(
                insert(SAMPLES),
                [
                    blank
                    | {
                        "due_ms": now - 40_000 + 10_000 * n,
                        "epoch": epoch,
                        "counters": json.dumps({"requests": requests}),
                    }
                    for n, (epoch, requests) in enumerate(rows)
                ],
            )
        found = rules.before(host(1, config), "", config, database)
    assert [json.loads(each)["requests"] for each in found] == [100, 600, 1100]


def test_a_server_of_other_times_is_not_believed_once_the_clock_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    config = WatchConfig(
        "any", 30.0, 60.0, "http://127.0.0.1:1", (WatchRule("e", "ratio", "prometheus", "b", "t", "", 3.0, 10),)
    )
    watch = rules.Watch(host(1, config), "", config, [])
    real = time.time
    monkeypatch.setattr(rules.time, "time", lambda: real() - 3600)
    assert watch.look() == "watching"
    assert watch.words() == "e: the clock of this host was set meanwhile"

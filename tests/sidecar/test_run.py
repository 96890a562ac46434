"""The sidecar as a process: bad services, reloads, drains, stores that fail, and systemd."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import threading
import time
from contextlib import ExitStack, closing
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from gate.store.database import Database
from gate.store.tables import SAMPLES, SERVICES, WINDOWS
from scripts.measure.soak import simulated
from tests.conftest import first
from tests.live.servers import serve
from tests.sidecar.conftest import PATIENCE, REPO, Running, configuration, due
from tests.store.conftest import postgresql  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres import Server


def gaps(store: str, name: str, interval: int = 500) -> list[int]:
    """Steps between neighbours that are longer than one interval by more turns than the poll before them took up.

    On a busy machine a poll may be so late that the next turn has passed: that is no lost sample, and its figures say so.
    """
    columns = SAMPLES.c.due_ms, SAMPLES.c.late_ms, SAMPLES.c.took_ms
    with Database.open(store) as database, database.read() as connection:
        wanted = select(*columns).join(SERVICES).where(SERVICES.c.name == name).order_by(SAMPLES.c.due_ms)
        rows = connection.execute(wanted).all()
    steps = [(b.due_ms - a.due_ms, a.late_ms + a.took_ms) for a, b in pairwise(rows)]
    return [
        step
        for step, busy in steps
        if abs(step - interval * round(step / interval)) > 1 or not 0.99 < step / interval < 1.11 + busy / interval
    ]


def test_good_services_are_polled_on_time_beside_bad_ones(sidecar: Running) -> None:
    for n in range(3):
        sidecar.sampled(f"good-{n}", 8)
    states = {each["name"]: each["state"] for each in sidecar.get("/v1/services")["services"]}
    assert {name: state for name, state in states.items() if name.startswith("good")} == dict.fromkeys(
        ("good-0", "good-1", "good-2"), "ok"
    )
    assert states["dribble-0"] == "unreachable"
    assert states["garbage-0"] in ("garbage", "unreachable")
    assert {states["dead-0"], states["dead-1"]} == {"unreachable"}
    assert sidecar.end() == 0
    for n in range(3):
        moments = due(str(sidecar.store), f"good-{n}")
        assert len(moments) >= 8
        assert gaps(str(sidecar.store), f"good-{n}") == []
    with Database.open(str(sidecar.store)) as database, database.read() as connection:
        assert connection.execute(select(WINDOWS.c.seq)).first() is not None
    dead = len(due(str(sidecar.store), "dead-1"))
    assert dead < len(due(str(sidecar.store), "good-0")), "who does not answer is asked less often"


def test_every_line_of_the_log_is_json_off_a_terminal(sidecar: Running) -> None:
    sidecar.end()
    lines = [json.loads(line) for line in sidecar.log.splitlines()]
    assert {"ts", "level", "logger", "message"} == set(lines[0])
    assert any(line["message"].startswith("stopping") for line in lines)


def test_a_reload_adds_and_removes_services_and_loses_no_sample(sidecar: Running, ports: dict[str, list[int]]) -> None:
    sidecar.sampled("good-0", 2)
    fewer = {"good": ports["good"][:2], "dead": []}
    extra = f'[[sidecar.service]]\nname = "added"\nurl = "http://127.0.0.1:{ports["good"][2]}"\n'
    for n in range(4):
        sidecar.config.write_text(configuration(fewer, extra=extra if n % 2 == 0 else ""), "utf-8")
        sidecar.process.send_signal(signal.SIGHUP)
        sidecar.eventually(lambda n=n: sidecar.log.count("reloaded") == n + 1)
        names = {each["name"] for each in sidecar.get("/v1/services")["services"]}
        assert names == {"good-0", "good-1"} | ({"added"} if n % 2 == 0 else set())
        sidecar.sampled("good-0", 4 + 2 * n)
    assert sidecar.end() == 0
    for name in ("good-0", "good-1"):
        assert gaps(str(sidecar.store), name) == [], name


def test_an_unreadable_configuration_changes_nothing(sidecar: Running) -> None:
    before = sidecar.get("/v1/services")["services"]
    sidecar.config.write_text("[sidecar]\nreleases = " + "[" * 5000 + "]" * 5000 + "\n", "utf-8")
    sidecar.process.send_signal(signal.SIGHUP)
    sidecar.eventually(lambda: "nested too deeply" in sidecar.log)
    sidecar.config.write_text("[sidecar]\nintervall = '1s'\n", "utf-8")
    sidecar.process.send_signal(signal.SIGHUP)
    sidecar.eventually(lambda: "unknown key sidecar.intervall" in sidecar.log)
    assert sidecar.log.count("the configuration stays as it was") == 2
    assert [s["name"] for s in sidecar.get("/v1/services")["services"]] == [s["name"] for s in before]
    assert sidecar.end() == 0


def test_the_verdict_on_a_service_that_is_gone_does_not_stand(tmp_path: Path) -> None:
    def verdicts(running: Running) -> dict[str, float]:
        found = re.findall(r'service_verdict\{service="good-0",verdict="(\w+)"\} (\S+)', running.ask("/metrics")[2])
        return {verdict: float(value) for verdict, value in found}

    def shown(running: Running) -> str:
        return str(running.get("/v1/services")["services"][0]["standing_verdict"])

    with ExitStack() as alive:
        only = alive.enter_context(simulated({"good": 1, "dead": 0, "dribble": 0, "garbage": 0}))
        with Running(tmp_path, configuration(only)) as running:
            running.eventually(lambda: shown(running) == "block")
            assert verdicts(running) == {"pass": 0, "block": 1, "inconclusive": 0}
            alive.close()
            running.eventually(lambda: shown(running) == "inconclusive")
            assert verdicts(running) == {"pass": 0, "block": 0, "inconclusive": 1}
            assert "These are old" in running.ask("/services/good-0")[2]
            assert running.end() == 0


def test_a_reload_does_not_open_to_everybody_what_had_a_token(ports: dict[str, list[int]], tmp_path: Path) -> None:
    """`listen` changes with a restart only: loopback in the new file does not make the old address one."""
    (tmp_path / "token").write_text("secret", "utf-8")
    guarded = configuration(ports, head='token_file = "token"').replace("127.0.0.1:0", "0.0.0.0:0", 1)
    with Running(tmp_path, guarded) as running:
        assert running.ask("/v1/services", headers={"Host": "localhost"})[0] == 401
        running.config.write_text(configuration(ports), "utf-8")
        running.process.send_signal(signal.SIGHUP)
        running.eventually(lambda: "the configuration stays as it was: without a token" in running.log)
        assert running.ask("/v1/services", headers={"Host": "localhost"})[0] == 401
        assert running.end() == 0


def test_a_reload_while_it_stops_begins_nothing(ports: dict[str, list[int]], tmp_path: Path) -> None:
    asked, told = threading.Event(), threading.Event()

    def silent(_: str, __: socket.socket) -> bytes:
        asked.set()
        told.wait(PATIENCE)
        return b""

    with serve(silent) as url:
        text = configuration({"dead": [int(url.rpartition(":")[2])]}).replace('timeout = "1s"', 'timeout = "60s"')
        with Running(tmp_path, text) as running:
            assert asked.wait(PATIENCE)
            running.process.send_signal(signal.SIGTERM)
            running.eventually(lambda: "stopping" in running.log)
            running.config.write_text(configuration({"good": ports["good"]}), "utf-8")
            running.process.send_signal(signal.SIGHUP)
            running.eventually(lambda: "not reloaded" in running.log)
            told.set()
            assert running.process.wait(PATIENCE) == 0
    assert "reloaded: polling" not in running.log


def test_systemd_is_told(ports: dict[str, list[int]], tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(90)
        env = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "600000"}
        with Running(tmp_path, configuration(ports), **env) as running:
            assert manager.recv(4096).startswith(b"READY=1\nSTATUS=")
            assert manager.recv(4096).startswith(b"WATCHDOG=1\n")
            running.process.send_signal(signal.SIGHUP)
            seen = []
            while not seen or not seen[-1].startswith(b"READY=1"):
                seen.append(manager.recv(4096))
            reloading = next(each for each in seen if each.startswith(b"RELOADING=1\nMONOTONIC_USEC="))
            assert abs(int(reloading.rpartition(b"=")[2]) / 1e6 - time.monotonic()) < 300
            running.process.send_signal(signal.SIGTERM)
            while manager.recv(4096) != b"STOPPING=1":
                pass
            assert running.process.wait(PATIENCE) == 0


def test_a_store_that_is_locked_for_a_while_loses_nothing(sidecar: Running) -> None:
    with closing(sqlite3.connect(sidecar.store)) as other:
        other.execute("BEGIN IMMEDIATE")
        sidecar.eventually(lambda: "the store is locked" in sidecar.log)
        status, _, body = sidecar.ask("/healthz")
        assert (status, json.loads(body)["status"]) == (503, "store")
        status, _, body = sidecar.ask("/")
        assert "Nothing can be kept right now" in body
        other.rollback()
    sidecar.eventually(lambda: sidecar.ask("/healthz")[0] == 200)
    assert sidecar.end() == 0
    assert gaps(str(sidecar.store), "good-0") == []


def test_what_never_reached_the_store_is_said_at_the_end(sidecar: Running) -> None:
    with closing(sqlite3.connect(sidecar.store)) as other:
        other.execute("CREATE TRIGGER no BEFORE INSERT ON samples BEGIN SELECT RAISE(ABORT, 'no room'); END")
    sidecar.eventually(lambda: "no room" in sidecar.log)
    assert sidecar.end() == 2
    assert "polls never reached the store" in sidecar.log


def test_no_verdict_is_answered_that_could_not_be_kept(sidecar: Running) -> None:
    with closing(sqlite3.connect(sidecar.store)) as other:
        other.execute("CREATE TRIGGER no BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no room'); END")
    status, _, body = sidecar.ask("/v1/verdict?service=good-0")
    assert (status, json.loads(body)["error"]["code"]) == (503, "store")


def test_two_sidecars_on_one_postgresql_neither_double_nor_lose(
    postgresql: Server,  # noqa: F811
    ports: dict[str, list[int]],
    tmp_path: Path,
) -> None:
    place = postgresql.new_database()
    with Database.connect(place) as database:
        database.upgrade()
    text = f'store = "{place}"\n' + configuration({"good": ports["good"]})
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
    with Running(folders[0], text) as first, Running(folders[1], text) as second:
        first.polled()
        second.polled()
        first.sampled("good-2", 6, place)
        heads = [side.get(f"/v1/verdict?service=good-{n}")["audit"] for n in range(3) for side in (first, second)]
        first.process.kill()
        first.process.wait()
        for n in range(3):
            second.sampled(f"good-{n}", 10, place)
        assert second.end() == 0
    assert len(set(heads)) == 6
    for n in range(3):
        moments = due(place, f"good-{n}")
        assert len(moments) >= 10
        assert len(set(moments)) == len(moments)
        assert gaps(place, f"good-{n}") == [], "the other one goes on without a gap"


@pytest.mark.parametrize(
    ("text", "message"),
    first(
        4,
        [
            ('[sidecar]\nlisten = "0.0.0.0:1"\n', "without a token only loopback is served"),
            ('[sidecar]\nlisten = "nowhere"\n', "not an address"),
            ('[sidecar]\nreleases = [""]\n', "sidecar.releases[0]: a folder of releases is named by its absolute path"),
            ('[sidecar]\ninterval = "fast"\n', "sidecar.interval: not a time"),
            ('[sidecar]\ninterval = "1ms"\n', "is not between"),
            ("[sidecar]\nservices = []\n", "unknown key sidecar.services"),
            ('[[sidecar.service]]\nname = "a"\n', "sidecar.service[0].url is missing"),
            ('[[sidecar.service]]\nname = "a b"\nurl = "http://h"\n', "a name has letters"),
            ('[[sidecar.service]]\nname = "a"\nurl = "ftp://h"\n', "not an http or https URL"),
            ('[[sidecar.service]]\nname = "a"\nurl = "http://h"\n' * 2, "two services with the name a"),
            ('[sidecar]\ntoken_file = "nowhere"\n', "cannot read the token file"),
            (
                (
                    '[[sidecar.service]]\nname = "a"\nurl = "http://h"\n[[sidecar.service.watch.rule]]\n'
                    'name = "r"\nkind = "ratio"\nbad = "x"\ntimes = 3\n'
                ),
                "a ratio needs total",
            ),
        ],
    ),
)
def test_a_configuration_that_means_nothing_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    with Running(tmp_path, text) as running:
        assert running.process.wait(PATIENCE) == 2
        assert message in running.log.splitlines()[0]
        assert running.log.startswith("error: ")


def test_an_address_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        text = f'[sidecar]\nlisten = "127.0.0.1:{taken.getsockname()[1]}"\n'
        with Running(tmp_path, text) as running:
            assert running.process.wait(PATIENCE) == 2
            assert running.log.startswith("error: cannot listen on 127.0.0.1")


def test_in_a_terminal_the_last_line_says_where_it_stands(ports: dict[str, list[int]], tmp_path: Path) -> None:
    import pty  # noqa: PLC0415
    import subprocess  # noqa: PLC0415
    import sys  # noqa: PLC0415

    (tmp_path / "hotgate.toml").write_text(configuration(ports), "utf-8")
    master, slave = pty.openpty()
    argv = [sys.executable, "-m", "gate", "sidecar", "--store", str(tmp_path / "a.db")]
    process = subprocess.Popen(argv, stderr=slave, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(REPO)})
    os.close(slave)
    said = b""
    deadline = time.monotonic() + PATIENCE
    while b" kept" not in said and time.monotonic() < deadline:
        said += os.read(master, 65536)
    process.terminate()
    process.wait(PATIENCE)
    os.close(master)
    assert b"\r\x1b[2K7 services" in said

"""The example's canary, judged by a real sidecar, which records what became of it."""

from __future__ import annotations

import http.client
import re
import threading
from itertools import count
from typing import TYPE_CHECKING

import pytest

from gate.store import samples, verdicts
from gate.store.database import Database
from scripts.programs.gobuild import ROOT, GoBuild, host_arch
from scripts.truth.hazards import free_port
from tests.conftest import first
from tests.goprobe.service import Service
from tests.sidecar.conftest import Running

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
[sidecar]
listen = "127.0.0.1:0"
interval = "500ms"

[[sidecar.service]]
name = "greeter"
url = "http://127.0.0.1:{port}"

[sidecar.service.canary]
min_requests = {requests}
"""


class Visitors:
    """Clients of many addresses, a request each, until the block ends."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.failed = self.answered = 0

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(90)

    def _run(self) -> None:
        for number in count():
            if self._over.wait(0.005):
                return
            own = f"127.0.{5 + number // 200 % 50}.{1 + number % 200}"
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self._port, 30, source_address=(own, 0))
                connection.request("GET", "/", headers={"Connection": "close"})
                self.failed += connection.getresponse().status != 200
                self.answered += 1
                connection.close()
            except OSError:
                self.failed += 1


@pytest.fixture(scope="module")
def program(go_toolchain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("canary") / "canary"
    source = ROOT / "goprobe" / "examples" / "canary"
    GoBuild(goroot=go_toolchain, source=source, goarch=host_arch()).run(built)
    return built


@pytest.mark.patient
@pytest.mark.parametrize(("requests", "end", "code"), first(1, [(5, "promoted", 0), (1_000_000, "ended", 11)]))
def test_a_sidecar_judges(program: Path, tmp_path: Path, requests: int, end: str, code: int) -> None:
    port = free_port()
    sidecar = Running(tmp_path, CONFIG.format(port=port, requests=requests))
    with sidecar:
        judge = f"{sidecar.url()}/v1/services/greeter/canary"
        arguments = ("-share", "0.5", "-for", "4s", "-judge", judge)
        log = tmp_path / "service.log"
        with Service(program, log, *arguments, listen=f"127.0.0.1:{port}") as service:
            service.address()
            visitors = Visitors(port)
            with visitors:
                # What is slow is told by what the old image has answered before.
                sidecar.eventually(lambda: visitors.answered > 150)
                service.upgrade()
                sidecar.eventually(lambda: f"epoch {_epoch(sidecar)}" in sidecar.log and _epoch(sidecar))
                sidecar.eventually(lambda: re.search(r"the canary (is promoted|ends): ", sidecar.log))
            assert visitors.failed == 0
            shown = sidecar.get("/v1/services/greeter")["service"]["canary"]
            assert (shown["state"], shown["code"], shown["exit_code"]) == (
                end,
                "judge" if code == 0 else "no_decision",
                code,
            )
            assert shown["new"]["requests"] > 5
            generation = service.status()["image"]["generation"]
            assert generation == (2 if end == "promoted" else 1)
        with Database.open(str(sidecar.store)) as database, database.read() as connection:
            key = samples.service_id(connection, "greeter")
            assert key is not None
            kept = verdicts.newest(connection, key, "canary", 10)
            assert [(each.verdict, each.exit_code) for each in kept] == [(end, code)]
    if end == "ended":
        assert "too few requests to judge by" in log.read_text("utf-8")


def _epoch(sidecar: Running) -> str:
    found = sidecar.get("/v1/services/greeter")["service"]["canary"]
    return "" if found is None else str(found["epoch"])

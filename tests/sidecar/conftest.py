"""A sidecar as a process, beside simulated services."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest
from sqlalchemy import select

from gate.store.database import Database
from gate.store.tables import SAMPLES, SERVICES
from scripts.measure.soak import simulated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPO = Path(__file__).parents[2]
PATIENCE = 90.0
COUNTS = {"good": 3, "dead": 2, "dribble": 1, "garbage": 1}


class Running:
    """`hotgate sidecar` with a configuration; use it as a context manager, which ends it."""

    def __init__(self, folder: Path, text: str, **env: str) -> None:
        self.folder = folder
        self.config = folder / "hotgate.toml"
        self.config.write_text(text, "utf-8")
        self.store = folder / "store.db"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HOTGATE_")}
        self._log = folder / "log"
        argv = [sys.executable, "-m", "gate", "sidecar", "--config", str(self.config)]
        argv += [] if "\nstore =" in f"\n{text}" else ["--store", str(self.store)]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                argv, stderr=log, cwd=folder, env={**inherited, "PYTHONPATH": str(REPO), **env}
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def url(self) -> str:
        return str(self.eventually(lambda: re.search(r"serving (http://[0-9.:]+)", self.log))[1])

    def eventually(self, what: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := what():
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"waited in vain; the sidecar said:\n{self.log}")

    def ask(
        self, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], str]:
        """Status, headers and body."""
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} if data is not None else {}
        request = urllib.request.Request(self.url() + path, data=data, headers=sent | (headers or {}))  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 - our own
                return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read().decode()
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, {k.lower(): v for k, v in exc.headers.items()}, exc.read().decode()

    def get(self, path: str) -> Any:
        status, _, body = self.ask(path)
        assert status == 200, body
        return json.loads(body)

    def polled(self) -> None:
        """Wait until every service was polled."""
        self.eventually(lambda: all(s["state"] != "waiting" for s in self.get("/v1/services")["services"]))

    def sampled(self, name: str, number: int, store: str = "") -> None:
        """Wait until the store has so many samples of a service."""
        self.eventually(lambda: len(due(store or str(self.store), name)) >= number)

    def end(self) -> int:
        """Drain; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


def due(store: str, name: str) -> list[int]:
    """When the samples of a service were due, in milliseconds."""
    with Database.open(store) as database, database.read() as connection:
        wanted = select(SAMPLES.c.due_ms).join(SERVICES).where(SERVICES.c.name == name).order_by(SAMPLES.c.due_ms)
        return list(connection.execute(wanted).scalars())


def configuration(ports: dict[str, list[int]], *, head: str = "", extra: str = "") -> str:
    """A configuration that polls all of them four times a second."""
    out = 'listen = "127.0.0.1:0"\ninterval = "500ms"\ntimeout = "1s"\nverdict_interval = "5s"\n'
    rows = [(f"{kind}-{n}", port) for kind, numbers in ports.items() for n, port in enumerate(numbers)]
    services = [f'[[sidecar.service]]\nname = "{name}"\nurl = "http://127.0.0.1:{port}"\n' for name, port in rows]
    return f"[sidecar]\n{out}{head}\n{''.join(services)}{extra}"


@pytest.fixture(scope="session")
def ports() -> Iterator[dict[str, list[int]]]:
    with simulated(COUNTS) as found:
        yield found


@pytest.fixture
def sidecar(ports: dict[str, list[int]], tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path, configuration(ports)) as running:
        running.polled()
        yield running

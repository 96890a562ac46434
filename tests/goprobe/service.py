"""The live service as a process under test."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PATIENCE = 300.0  # seconds for anything to happen, on a machine that has much else to do


class Service:
    """A running live service; use it as a context manager, which ends it."""

    def __init__(self, program: Path, log: Path, *arguments: str, fault: str = "", listen: str = "127.0.0.1:0") -> None:
        self._log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [program, "-listen", listen, *arguments],
                stdout=out,
                stderr=out,
                env={**os.environ, "LIVE_FAULT": fault},
            )

    @classmethod
    def of(cls, process: subprocess.Popen[bytes], log: Path) -> Self:
        """A process that is running already, and what it writes its log to."""
        service = cls.__new__(cls)
        service.process, service._log = process, log
        return service

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)

    @property
    def log(self) -> str:
        """What it wrote to standard error so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def address(self, generation: int = 1) -> str:
        """Where the image of that generation listens, once it says so."""
        said = re.compile(rf"generation {generation} listening on (\S+)")
        found = self.eventually(lambda: said.findall(self.log))
        return str(found[-1])

    def get(self, path: str) -> Any:
        """The decoded answer of `GET path`."""
        return self._ask(path, None)

    def post(self, path: str, body: object) -> Any:
        """The decoded answer of `POST path`."""
        return self._ask(path, json.dumps(body).encode())

    def _ask(self, path: str, body: bytes | None) -> Any:
        address = re.findall(r"listening on (\S+)", self.log)[-1]
        request = urllib.request.Request(f"http://{address}{path}", data=body)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 - always http
            return json.load(answer)

    def status(self) -> Any:
        """The probe's status."""
        return self.get("/debug/hotgate/status")

    def upgrade(self) -> None:
        """Ask it to go over to the next image."""
        self.process.send_signal(signal.SIGUSR2)

    def eventually(self, what: Callable[[], Any]) -> Any:
        """The first true value of `what`."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if found := what():
                return found
            time.sleep(0.2)  # goprobe answers so many requests a second and no more
        raise AssertionError(f"waited in vain; the service said:\n{self.log}")

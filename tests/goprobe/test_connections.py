"""A few dozen long connections of the live service outlast its updates, and those that failed."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

import pytest

from scripts.programs.gobuild import can_build_cgo, host_arch
from tests.conftest import live_programs, missing
from tests.goprobe.service import PATIENCE, Service

if TYPE_CHECKING:
    from pathlib import Path

CLIENTS = 36


class Client:
    """A client that asks on one connection, and holds every answer against what is due."""

    def __init__(self, address: str) -> None:
        host, port = address.rsplit(":", 1)
        self._socket = socket.create_connection((host, int(port)), timeout=PATIENCE)
        self._lines = self._socket.makefile("rb")
        self.answered = 0
        self.generations: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self._socket.close()

    def begin(self) -> None:
        """Send a half of the next question."""
        self._socket.sendall(b"how ")

    def ask(self) -> None:
        """Send what is left of a question, and take the answer."""
        self._socket.sendall(b"many?\n")
        number, _, generation = map(int, self._lines.readline().split())
        self.answered += 1
        assert number == self.answered
        self.generations.append(generation)


@pytest.fixture(scope="module")
def programs(go_toolchain: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    if not can_build_cgo(host_arch()):
        missing("no C compiler: apt-get install gcc libc6-dev")
    program = live_programs(go_toolchain, tmp_path_factory)
    return {"good": program(None), "better": program("better"), "crash": program("crash")}


@pytest.mark.parametrize(("following", "generation"), [("better", 2), ("crash", 1)])
def test_long_connections_outlast_an_update(
    programs: dict[str, Path], tmp_path: Path, following: str, generation: int
) -> None:
    arguments = ("-next", str(programs[following]), "-feed", "127.0.0.1:0", "-interval", "1h", "-window", "100ms")
    with Service(programs["good"], tmp_path / "log", *arguments) as service, ExitStack() as stack:
        service.address()
        feed = re.findall(r"feed on (\S+)", service.log)[0]
        clients = [stack.enter_context(Client(feed)) for _ in range(CLIENTS)]
        for client in clients:
            client.ask()
            client.begin()
        stop = threading.Event()
        busy = threading.Thread(target=_ask, args=(clients[: CLIENTS // 2], stop))
        busy.start()
        service.upgrade()
        if generation > 1:
            service.address(generation)
        else:
            service.eventually(lambda: "LIVE_REGION is not set" in service.log)
        stop.set()
        busy.join(PATIENCE)
        assert not busy.is_alive()
        for client in clients:
            client.ask()
            assert client.generations == sorted(client.generations)
            assert client.generations[-1] == generation
        kept = service.status()["connections"]
        assert (kept["kept"], kept["tls"], kept["not_kept"]) == (CLIENTS, 0, 0)
        assert kept["rows"][0]["addresses"] == [{"address": feed, "count": CLIENTS}]
        if generation > 1:
            assert (kept["last"]["handed"], kept["last"]["restored"]) == (CLIENTS, CLIENTS)
        else:
            assert kept["last"] is None


def _ask(clients: list[Client], stop: threading.Event) -> None:
    """Keep asking; a client that was answered wrongly says so at its next question."""
    while not stop.is_set():
        for client in clients:
            client.ask()
            client.begin()

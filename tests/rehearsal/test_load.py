"""The generator against services that are made here: exact counts, and every loss by its kind."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from gate.rehearsal.load.client import Load
from gate.rehearsal.load.generator import Order
from gate.rehearsal.load.records import LONG, OK, UNSENT, Record, longest_pause, losses, strip
from gate.rehearsal.load.requests import Request
from gate.rehearsal.problem import CannotRehearse
from scripts.truth.hazards import free_port
from tests.rehearsal.conftest import REPO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ORDER = Order(
    "127.0.0.1",
    0,
    (Request("GET", "/"), Request("POST", "/", (), b"hello")),
    100,
    30,
    10,
    5.0,
    (),
    0,
    "lines",
    "127.0.0.1",
    0,
    "",
)
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PATIENCE = 300.0


class Server:
    """Answers every request by `act`, each connection in a task of its own."""

    def __init__(self, act: Callable) -> None:
        self._act = act
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self.port = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._ready.wait(PATIENCE)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)

        async def serve() -> None:
            self._stop = asyncio.Event()
            server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()
            await self._stop.wait()
            server.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self._loop.run_until_complete(serve())
        self._loop.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._act(reader, writer)
        writer.close()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)


@contextlib.contextmanager
def serving(act: Callable) -> Iterator[Server]:
    server = Server(act)
    try:
        yield server
    finally:
        server.close()


def answering(answer: bytes, *, end: bool = False) -> Callable:
    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if b"Content-Length: 5" in head:
                await reader.readexactly(5)
            writer.write(answer)
            await writer.drain()
            if end:
                return

    return act


def loaded(tmp_path: Path, seconds: float = 0.6, **changes: object) -> tuple[list[Record], dict[str, str]]:
    load = Load(replace(ORDER, **changes), tmp_path, {"PATH": os.defpath, "PYTHONPATH": str(REPO)})
    try:
        load.resume()
        time.sleep(seconds)
        load.pause()
        examples = load.examples()
        return load.records(), examples
    finally:
        load.stop()


def kinds(records: list[Record], examples: dict[str, str]) -> set[str]:
    return {each.kind for each in losses(records, examples)}


def test_nothing_is_lost_where_nothing_is_and_all_kinds_are_sent(tmp_path: Path) -> None:
    with serving(answering(GOOD)) as server:
        records, examples = loaded(tmp_path, 1.5, port=server.port, rate=200)
    assert (losses(records, examples), examples) == ((), {})
    assert {each.on for each in records} == {0, 1, 2}
    due = sorted(each.due for each in records)
    assert all(
        abs(after - before - 0.005) < 1e-6 for before, after in pairwise(due)
    )  # exact, whatever the machine does
    assert len(records) == round((due[-1] - due[0]) * 200) + 1  # each is in the account, sent or not


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", "reset"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", "cut"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "status"),
        (b"not http at all\r\n\r\n", "cut"),
    ],
)
def test_each_loss_has_its_kind(tmp_path: Path, answer: bytes, kind: str) -> None:
    with serving(answering(answer, end=True)) as server:
        records, examples = loaded(tmp_path, port=server.port)
    assert kinds(records, examples) == {kind}
    assert not any(each.outcome == OK for each in records)


def test_refused_and_late(tmp_path: Path) -> None:
    port = free_port()
    assert kinds(*loaded(tmp_path, port=port)) == {"refused"}

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    (tmp_path / "late").mkdir()
    with serving(silent) as server:
        assert kinds(*loaded(tmp_path / "late", port=server.port, timeout=0.2)) == {"late"}


def test_expected_codes_are_the_plan_s(tmp_path: Path) -> None:
    with serving(answering(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")) as server:
        assert kinds(*loaded(tmp_path, port=server.port)) == set()
        (tmp_path / "b").mkdir()
        assert kinds(*loaded(tmp_path / "b", port=server.port, expect=(200,))) == {"status"}


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(b"you said " + line)


def cutting(seconds: float) -> Callable:
    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(echo(reader, writer), seconds)

    return act


async def websocket(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    key = head.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())  # noqa: S324 - RFC 6455
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        + accept
        + b"\r\n\r\n"
    )
    while True:
        first, size = await reader.readexactly(2)
        mask = await reader.readexactly(4)
        data = bytes(byte ^ mask[at % 4] for at, byte in enumerate(await reader.readexactly(size & 0x7F)))
        if first & 0x0F == 1:
            writer.write(b"\x89\x00" + b"\x01\x03you" + bytes([0x80, len(data)]) + data)  # a ping, and two fragments


async def events(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    for number in range(1000):
        writer.write(b"id: %d\ndata: x\n\n" % number)
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(("act", "spoken"), [(echo, "lines"), (websocket, "websocket"), (events, "events")])
def test_long_connections(tmp_path: Path, act: Callable, spoken: str) -> None:
    with serving(act) as server:
        records, examples = loaded(
            tmp_path, 1.5, requests=(), keep=3, keep_as=spoken, keep_port=server.port, keep_path="/x"
        )
    assert losses(records, examples) == ()
    assert len(records) >= 3
    assert {each.on for each in records} == {LONG}


def test_a_long_connection_that_is_cut_is_one_loss_and_opened_again(tmp_path: Path) -> None:
    with serving(cutting(0.3)) as server:
        records, examples = loaded(tmp_path, 2.0, requests=(), keep=1, keep_port=server.port)
    (loss,) = losses(records, examples)
    assert (loss.kind, loss.on) == ("cut", "long")
    assert sum(each.outcome == OK for each in records) >= 2


def test_a_generator_that_is_killed_is_said_to_have_ended(tmp_path: Path) -> None:
    load = Load(ORDER, tmp_path, {"PATH": os.defpath, "PYTHONPATH": str(REPO)})
    os.kill(load.pid, 9)
    with pytest.raises(CannotRehearse, match="has ended"):
        load.resume()
    load.stop()


def at(ended: float, outcome: int = OK, on: int = 0) -> Record:
    return Record(ended - 0.01, ended - 0.01, ended, on, outcome, 200)


def test_pauses_and_strips() -> None:
    records = [at(0.1), at(0.2), at(1.2), at(1.3, UNSENT), at(1.4, 2), at(5.0)]
    assert longest_pause(records, 0.0, 1.0) == pytest.approx(1.0)
    assert longest_pause(records, 0.0, 4.0) == pytest.approx(3.8)
    assert strip(records, 0.0, 0.5, 3) == ((2, 0), (0, 0), (1, 1))
    assert losses(records, {"2 0": "why"})[0].example == "why"


def closing_after(number: int) -> Callable:
    """Ends each connection in the middle of a request, after `number` good answers."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(number):
            head = await reader.readuntil(b"\r\n\r\n")
            if b"Content-Length: 5" in head:
                await reader.readexactly(5)
            writer.write(GOOD)
        await reader.readuntil(b"\r\n\r\n")

    return act


def test_what_clients_send_again_by_themselves_is_no_loss(tmp_path: Path) -> None:
    with serving(closing_after(1)) as server:
        records, examples = loaded(tmp_path, 1.0, port=server.port, requests=(Request("GET", "/"),), new=0, slow=0)
        assert losses(records, examples) == ()
        (tmp_path / "post").mkdir()
        post = (Request("POST", "/", (), b"hello"),)
        records, examples = loaded(tmp_path / "post", 1.0, port=server.port, requests=post, new=0, slow=0)
    assert {(each.kind, each.on) for each in losses(records, examples)} == {("reset", "kept")}

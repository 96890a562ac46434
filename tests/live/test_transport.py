"""What goes over a client's connections, and which of them are used again."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from probes.live import transport
from probes.live.client import BadAnswer, Client, Unreachable
from probes.live.transport import MAX_CONNECTIONS, PIECE
from probes.live.trust import trusted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    Say = Callable[[asyncio.StreamWriter, int], Awaitable[None]]

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"


class Server:
    """Answers each request with what `say` writes; it is told how many came before on the same connection."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self.url = ""
        self.heads: list[bytes] = []
        self.connections = 0
        self.open = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        number = 0
        try:
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                await self._say(writer, number)
                number += 1
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self.open -= 1
            writer.close()


@asynccontextmanager
async def serving(say: Say) -> AsyncIterator[tuple[Server, Client]]:
    server = Server(say)
    listener = await asyncio.start_server(server, "127.0.0.1", 0)
    async with listener:
        server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        async with Client(server.url, seconds=60.0) as client:
            yield server, client
        for _ in range(6000):
            if not server.open:
                break
            await asyncio.sleep(0.01)
        assert not server.open, "a connection was left open"


async def good(writer: asyncio.StreamWriter, _number: int) -> None:
    writer.write(GOOD)


def test_one_request_after_the_other_takes_one_connection() -> None:
    async def run() -> None:
        async with serving(good) as (server, client):
            for _ in range(3):
                assert (await client.get("/x?y=%20")).text() == "good"
            assert server.connections == 1
            assert server.heads[0].startswith(b"GET /x?y=%20 HTTP/1.1\r\n")
            assert b"\r\nAccept-Encoding: identity\r\n" in server.heads[0]

    asyncio.run(run())


def test_a_connection_is_not_used_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "KEPT_SECONDS", 0.0)

    async def run() -> None:
        async with serving(good) as (server, client):
            for _ in range(3):
                await client.get("/x")
                await asyncio.sleep(0.01)
            assert server.connections == 3

    asyncio.run(run())


def test_a_client_that_rests_keeps_no_connection() -> None:
    async def run() -> None:
        async with serving(good) as (server, client):
            await client.get("/x")
            client.rest()
            for _ in range(6000):
                if not server.open:
                    break
                await asyncio.sleep(0.01)
            assert not server.open
            assert (await client.get("/x")).text() == "good"

    asyncio.run(run())


@pytest.mark.parametrize("stray", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"])
def test_what_came_unasked_is_no_answer_to_the_next_request(stray: bytes) -> None:
    """A connection that was closed meanwhile, or has bytes that nobody asked for, is given up and costs no second try."""
    said = asyncio.Event()

    async def say(writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(GOOD)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(stray)
        if not stray:
            writer.close()
        said.set()
        assert not number

    async def run() -> None:
        async with serving(say) as (server, client):
            for _ in range(3):
                said.clear()
                assert (await client.get("/x", retry=False)).text() == "good"
                await asyncio.wait_for(said.wait(), 60)
                await asyncio.sleep(0.05)  # both ends are of one loop: some of its turns
            assert server.connections == 3

    asyncio.run(run())


def test_an_answer_with_more_behind_it_is_the_last_of_its_connection() -> None:
    async def say(writer: asyncio.StreamWriter, _number: int) -> None:
        writer.write(GOOD + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")

    async def run() -> None:
        async with serving(say) as (server, client):
            for _ in range(3):
                assert (await client.get("/x", retry=False)).text() == "good"
            assert server.connections == 3

    asyncio.run(run())


def test_a_client_that_is_closed_leaves_no_request_behind() -> None:
    async def run() -> None:
        asked = asyncio.Event()

        async def say(_writer: asyncio.StreamWriter, _number: int) -> None:
            asked.set()
            await asyncio.sleep(60)

        server = Server(say)
        async with await asyncio.start_server(server, "127.0.0.1", 0) as listener:
            url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
            async with Client(url, seconds=30.0) as client:
                task = asyncio.create_task(client.get("/x", retry=False))
                await asked.wait()
            with pytest.raises(Unreachable, match="broke"):
                await task

    asyncio.run(run())


def test_no_more_than_a_few_connections_at_a_time() -> None:
    most = 0

    async def run() -> None:
        async def say(writer: asyncio.StreamWriter, _number: int) -> None:
            nonlocal most
            most = max(most, server.open)
            await asyncio.sleep(0.02)
            writer.write(GOOD)

        async with serving(say) as (server, client):
            found = await asyncio.gather(*(client.get("/x") for _ in range(20)))
            assert [each.text() for each in found] == ["good"] * 20

    asyncio.run(run())
    assert most == MAX_CONNECTIONS


def test_requests_that_are_given_up_leave_their_place_to_others() -> None:
    async def say(writer: asyncio.StreamWriter, _number: int) -> None:
        if b"/slow" in server.heads[-1]:
            await asyncio.sleep(0.4)
        writer.write(GOOD)

    async def run() -> None:
        nonlocal server
        async with serving(say) as (server, client):
            for _ in range(3):
                slow = [client.get("/slow", seconds=0.05) for _ in range(MAX_CONNECTIONS)]
                found = await asyncio.gather(*slow, return_exceptions=True)
                assert {type(each) for each in found} == {Unreachable}
                assert (await client.get("/x")).text() == "good"
            await asyncio.sleep(0.5)

    server: Server
    asyncio.run(run())


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n", "good"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + GOOD, "good"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", ""),
    ],
)
def test_what_http_allows_is_read(answer: bytes, text: str) -> None:
    async def say(writer: asyncio.StreamWriter, _number: int) -> None:
        writer.write(answer)

    async def run() -> None:
        async with serving(say) as (server, client):
            for _ in range(2):
                assert (await client.get("/x")).text() == text
            assert server.connections == 1

    asyncio.run(run())


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "broke"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "broke"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\ngood", "broke"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * (200 << 10), "broke"),
    ],
)
def test_what_is_no_http_is_refused(answer: bytes, said: str) -> None:
    async def say(writer: asyncio.StreamWriter, _number: int) -> None:
        writer.write(answer)

    async def run() -> None:
        async with serving(say) as (_server, client):
            with pytest.raises(Unreachable, match=said):
                await client.get("/x")

    asyncio.run(run())


def test_an_answer_without_end_is_not_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other end has to wait once a little has come: what is not read takes no memory."""
    most = 0

    async def say(writer: asyncio.StreamWriter, _number: int) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        for _ in range(1000):
            writer.write(bytes(64 << 10))
            await writer.drain()

    kept = transport._Socket.data_received

    def received(self: transport._Socket, data: bytes) -> None:
        nonlocal most
        kept(self, data)
        most = max(most, len(self._came))

    monkeypatch.setattr(transport._Socket, "data_received", received)

    async def run() -> None:
        async with serving(say) as (_server, client):
            with pytest.raises(BadAnswer, match="larger than 1 MB"):
                await client.get("/x", limit=1 << 20)

    asyncio.run(run())
    assert most <= PIECE + (256 << 10)  # what asyncio reads at once


def test_a_name_with_several_addresses_of_which_none_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    async def both(*_args: object, **_options: object) -> list[tuple[object, ...]]:
        return [(2, 1, 6, "", ("127.0.0.1", 1)), (2, 1, 6, "", ("127.0.0.2", 1))]

    async def run() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", both)
        async with Client("http://two.invalid:1", seconds=2.0) as client:
            with pytest.raises(Unreachable, match=r"cannot connect \(All connection attempts failed\)"):
                await client.get("/x")

    asyncio.run(run())


def test_authorities_are_loaded_anew_when_their_file_is_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "authorities"
    file.write_text("", "ascii")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    first = trusted()
    assert trusted() is first
    assert first.verify_mode is ssl.CERT_REQUIRED
    assert first.check_hostname
    file.write_text("\n", "ascii")
    second = trusted()
    assert second is not first
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    assert trusted() is not second

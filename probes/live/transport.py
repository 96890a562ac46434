"""HTTP/1.1 for httpx, on asyncio's own sockets. h11 reads and writes what goes over the wire, as it does for httpx's own transport.

That one finds out several times for each request which event loop runs, and takes a lock at every turn: in a process that
asks thousands of services, it took two thirds of the CPU time of a request. Here one client asks one service, without
proxies, HTTP/2 or bodies that are not known beforehand.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable

import h11

from probes.live.plain_httpx import httpx

KEPT_SECONDS = 5.0
"""How long a connection may be idle and used again: a service that was replaced meanwhile must be seen as it is now."""

MAX_CONNECTIONS = 4
MAX_HEAD = 100 << 10
"""Bytes of an answer's headers."""

PIECE = 64 << 10
"""Bytes that wait to be read before the other end has to wait."""

ADDRESS_SECONDS = 0.25
"""What an address of a host gets before the next one is tried beside it (RFC 8305, section 5)."""

Origin = tuple[str, str, int]


class Transport(httpx.AsyncBaseTransport):
    """Connections to one service, at most `MAX_CONNECTIONS` at a time. What the service answers is the caller's to bound."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        """`context` is for https, which is refused without one."""
        self._context = context
        self._slots = asyncio.Semaphore(MAX_CONNECTIONS)
        self._open: set[_Connection] = set()
        self._idle: list[_Connection] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`, and read the head of the answer.

        Raises:
            httpx.TransportError: no connection, none that lasted, or no HTTP.
        """
        timeouts = request.extensions.get("timeout", {})
        await self._slots.acquire()
        connection: _Connection | None = None
        try:
            connection = self._take(_origin(request.url)) or await self._connect(request.url, timeouts.get("connect"))
            answer = await connection.exchange(request, timeouts.get("read"))
            return httpx.Response(
                answer.status_code,
                headers=answer.headers.raw_items(),
                stream=_Body(connection, self._put_back),
                extensions={"http_version": b"HTTP/" + answer.http_version, "reason_phrase": answer.reason},
            )
        except BaseException:
            if connection is not None:
                self._close(connection)
            self._slots.release()
            raise

    async def aclose(self) -> None:
        """Close all connections, those that a request is using included."""
        self._idle.clear()
        for connection in [*self._open]:
            self._close(connection)
        await asyncio.sleep(0)  # asyncio closes a socket in the next turn of its loop

    def rest(self) -> None:
        """Close the connections that no request is using."""
        while self._idle:
            self._close(self._idle.pop())

    def _close(self, connection: _Connection) -> None:
        self._open.discard(connection)
        connection.close()

    def _take(self, origin: Origin) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.origin == origin and connection.is_usable():
                return connection
            self._close(connection)
        return None

    def _put_back(self, connection: _Connection) -> None:
        if connection in self._open and connection.end():
            self._idle.append(connection)
        else:
            self._close(connection)
        self._slots.release()

    async def _connect(self, url: httpx.URL, seconds: float | None) -> _Connection:
        origin = scheme, host, port = _origin(url)
        if scheme == "https" and self._context is None:
            raise httpx.UnsupportedProtocol("https without a context")
        try:
            async with asyncio.timeout(seconds):
                socket = await _open(host, port)
            if scheme == "https" and self._context is not None:
                async with asyncio.timeout(seconds):
                    await socket.secure(self._context, host)
        except TimeoutError as exc:
            raise httpx.ConnectTimeout(str(exc)) from exc
        except OSError as exc:
            raise httpx.ConnectError(str(exc)) from exc
        connection = _Connection(origin, socket)
        self._open.add(connection)
        return connection


def _origin(url: httpx.URL) -> Origin:
    return url.scheme, url.raw_host.decode("ascii"), url.port or (443 if url.scheme == "https" else 80)


async def _open(host: str, port: int) -> _Socket:
    # Only a name can have several addresses.
    delay = None if ":" in host or host.replace(".", "").isdecimal() else ADDRESS_SECONDS
    loop = asyncio.get_running_loop()
    try:
        return (await loop.create_connection(_Socket, host, port, happy_eyeballs_delay=delay))[1]
    except OSError as exc:
        if exc.errno is None:  # asyncio's text lists every address
            raise OSError("All connection attempts failed") from exc
        raise


class _Socket(asyncio.Protocol):
    """What came in and was not read yet: a little, then the other end has to wait."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._came = bytearray()
        self._ended = False
        self._problem: Exception | None = None
        self._reader: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP's is
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._came += data
        if len(self._came) > PIECE:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self._ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._problem = exc
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def secure(self, context: ssl.SSLContext, host: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(self._transport, self, context, server_hostname=host)
        except BaseException:
            self.close()
            raise
        if secured is None:  # it was closed before its first byte came
            raise ConnectionResetError
        self._transport = secured

    async def read(self, seconds: float | None) -> bytes:
        """What has come, a piece at most; empty at the end."""
        if self._came:
            await asyncio.sleep(0)  # who reads piece after piece must not keep the others waiting
        elif not self._ended:
            await self._wait(seconds)
        if self._came:
            came = bytes(self._came[:PIECE])
            del self._came[:PIECE]
            if len(self._came) <= PIECE:
                self._transport.resume_reading()
            return came
        if self._problem is not None:
            raise httpx.ReadError(str(self._problem)) from self._problem
        return b""

    async def _wait(self, seconds: float | None) -> None:
        self._reader = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                await self._reader
        except TimeoutError as exc:
            raise httpx.ReadTimeout(str(exc)) from exc
        finally:
            self._reader = None

    def write(self, data: bytes) -> None:
        """Send `data`. That it cannot be sent is seen when the answer is read: a service may answer and hang up before."""
        self._transport.write(data)

    def is_quiet(self) -> bool:
        """Whether nothing came that nobody asked for, the end included."""
        return not self._came and not self._ended

    def close(self) -> None:
        self._transport.abort()


class _Connection:
    """One request after the other, each with its answer."""

    def __init__(self, origin: Origin, socket: _Socket) -> None:
        self.origin = origin
        self._socket = socket
        self._wire = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        self._seconds: float | None = None
        self._idle_since = 0.0

    async def exchange(self, request: httpx.Request, seconds: float | None) -> h11.Response:
        """Send `request`; the head of the answer. `seconds` is how long each of its pieces may take."""
        self._seconds = seconds
        try:
            head = h11.Request(method=request.method, target=request.url.raw_path, headers=request.headers.raw)
            sent = [self._wire.send(head)]
            if request.content:
                sent.append(self._wire.send(h11.Data(data=request.content)))
            sent.append(self._wire.send(h11.EndOfMessage()))
        except h11.LocalProtocolError as exc:
            raise httpx.LocalProtocolError(str(exc)) from exc
        self._socket.write(b"".join(filter(None, sent)))
        while isinstance(event := await self._next(), h11.InformationalResponse):
            pass
        if not isinstance(event, h11.Response):
            raise httpx.RemoteProtocolError("no answer")
        return event

    async def body(self) -> AsyncIterator[bytes]:
        """The pieces of the answer's body."""
        while isinstance(event := await self._next(), h11.Data):
            yield bytes(event.data)

    async def _next(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            try:
                event = self._wire.next_event()
                if event is not h11.NEED_DATA:
                    return event  # type: ignore[return-value]
                data = await self._socket.read(self._seconds)
                if not data and self._wire.their_state is h11.SEND_RESPONSE:
                    raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
                self._wire.receive_data(data)
            except h11.RemoteProtocolError as exc:
                raise httpx.RemoteProtocolError(str(exc)) from exc

    def end(self) -> bool:
        """Note that the exchange is over; whether another one may follow."""
        if self._wire.our_state is not h11.DONE or self._wire.their_state is not h11.DONE:
            return False
        if self._wire.trailing_data[0]:
            return False
        self._wire.start_next_cycle()
        self._idle_since = time.monotonic()
        return self._socket.is_quiet()

    def is_usable(self) -> bool:
        return self._socket.is_quiet() and time.monotonic() - self._idle_since <= KEPT_SECONDS

    def close(self) -> None:
        self._socket.close()


class _Body(httpx.AsyncByteStream):
    """The body of an answer; closing it gives the connection back."""

    def __init__(self, connection: _Connection, put_back: Callable[[_Connection], None]) -> None:
        self._connection = connection
        self._put_back: Callable[[_Connection], None] | None = put_back

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._connection.body()

    async def aclose(self) -> None:
        if self._put_back is not None:
            put_back, self._put_back = self._put_back, None
            put_back(self._connection)

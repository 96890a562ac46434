"""One HTTP/1.1 exchange after the other on one connection, and what became of each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import h11

from gate.rehearsal.load.records import CUT, LATE, OK, REFUSED, RESET, STATUS

if TYPE_CHECKING:
    from collections.abc import Collection

    from gate.rehearsal.load.requests import Request

MAX_ANSWER = 64 << 20


class Wire(asyncio.Protocol):
    """A connection. It is used again unless an answer, or the service, has ended it."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.closed = False
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=256 << 10)
        self._waiting: asyncio.Future[None] | None = None
        self._begun = False
        self._size = 0
        self.status = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """From asyncio."""
        if isinstance(transport, asyncio.Transport):
            self.transport = transport

    def data_received(self, data: bytes) -> None:
        """From asyncio."""
        self._begun = True
        self._size += len(data)
        try:
            self._http.receive_data(data)
            self._pump()
        except h11.RemoteProtocolError as exc:
            self._fail(exc)
            self.close()
            return
        if self._size > MAX_ANSWER:
            self._fail(ConnectionError("an answer of more than 64 MiB"))
            self.close()

    def eof_received(self) -> bool:
        """From asyncio: the service will say no more."""
        self.closed = True
        try:
            self._http.receive_data(b"")  # an answer without a length ends here
            self._pump()
        except h11.RemoteProtocolError:
            self._fail(ConnectionError("closed in the answer" if self._begun else "closed before the answer"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """From asyncio."""
        self.closed = True
        self._fail(exc or ConnectionError("closed before the answer"))

    def _pump(self) -> None:
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                return
            if isinstance(event, h11.Response):
                self.status = event.status_code
            elif isinstance(event, h11.EndOfMessage):
                if self._waiting is not None and not self._waiting.done():
                    self._waiting.set_result(None)
                return

    def _fail(self, exc: Exception) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(exc)

    async def exchange(
        self, request: Request, host: str, slowly: float = 0.0, sent: asyncio.Event | None = None
    ) -> None:
        """Send `request` and wait for all of the answer; `slowly`: seconds between its two halves, `sent` set after the first.

        Raises:
            OSError: the connection ended first. h11.RemoteProtocolError: what came is no HTTP answer.
        """
        self._begun, self._size, self.status = False, 0, 0
        self._waiting = asyncio.get_running_loop().create_future()
        if self.closed or self.transport is None:
            raise ConnectionResetError("closed before the request")
        headers = [("Host", host), *request.headers]
        if request.body or request.method in ("POST", "PUT", "PATCH"):
            headers.append(("Content-Length", str(len(request.body))))
        data = self._http.send(h11.Request(method=request.method, target=request.target, headers=headers)) or b""
        if request.body:
            data += self._http.send(h11.Data(data=request.body)) or b""
        data += self._http.send(h11.EndOfMessage()) or b""
        if slowly:
            half = len(data) // 2 if not request.body else len(data) - (len(request.body) + 1) // 2
            self.transport.write(data[:half])
            if sent is not None:
                sent.set()
            await asyncio.wait({self._waiting}, timeout=slowly)
            data = data[half:]
        self.transport.write(data)
        await self._waiting

    @property
    def begun(self) -> bool:
        """Whether anything of the answer has come."""
        return self._begun

    def reusable(self) -> bool:
        """Whether another request may be sent; it is then ready for it."""
        if self.closed or self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    def close(self) -> None:
        """End the connection."""
        self.closed = True
        if self.transport is not None:
            self.transport.close()


def judged(wire: Wire, expect: Collection[int]) -> int:
    """The outcome of an answer that came whole."""
    good = wire.status in expect if expect else wire.status < 500
    return OK if good else STATUS


def outcome_of(exc: BaseException, *, connecting: bool, begun: bool) -> int:
    """The outcome of an exchange that ended with `exc`."""
    if isinstance(exc, TimeoutError):
        return LATE
    if connecting:
        return REFUSED
    return CUT if begun else RESET

"""The HTTP server around the API and the page: uvicorn, with bounds on what a client may cost."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from gate.sidecar.web import api, page, rollback
from gate.sidecar.web.guard import ACTION, FORM, Guard
from gate.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.requests import Request
    from starlette.responses import Response

    from gate.sidecar.app import Sidecar

LOG = logging.getLogger("hotgate.http")

HEADER_SECONDS = 10.0
MAX_HEADERS = 32 << 10
MAX_CONNECTIONS = 128
DRAIN_SECONDS = 5


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        OSError: the address is in use, or not one of this host.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(MAX_CONNECTIONS)
    except OSError:
        sock.close()
        raise
    return sock


def application(sidecar: Sidecar) -> Guard:
    """Everything that is served, behind the guard."""
    app = Starlette(
        routes=[*api.routes(sidecar), *page.routes(sidecar), *rollback.routes(sidecar)],
        exception_handlers={404: _not_found, 405: _not_allowed, Exception: _bug},
    )
    return Guard(app, lambda: sidecar.config.token, sidecar.actions.token)


@asynccontextmanager
async def serve(sidecar: Sidecar, sock: socket.socket) -> AsyncIterator[None]:
    """Serve on `sock` while the block runs; requests under way are answered at the end."""
    config = uvicorn.Config(
        application(sidecar),
        http=_Impatient,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        h11_max_incomplete_event_size=MAX_HEADERS,
        proxy_headers=False,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[sock]))
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has nothing to wait for
        await asyncio.sleep(0.01)
    if task.done():
        task.result()
    try:
        yield
    finally:
        server.should_exit = True
        await task


class _Server(uvicorn.Server):
    """Signals are the sidecar's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield


class _Impatient(H11Protocol):
    """A client that has not sent a whole head within ten seconds is cut off, the first and the next: it holds one of few places."""

    def connection_made(self, transport: Any) -> None:
        """Start the clock."""
        super().connection_made(transport)
        self.loop.call_later(HEADER_SECONDS, self._check, None)

    def on_response_complete(self) -> None:
        """Start it again: uvicorn's own clock stops with the first byte of the next head."""
        answered = self.cycle
        super().on_response_complete()
        self.loop.call_later(HEADER_SECONDS, self._check, answered)

    def _check(self, before: object) -> None:
        if self.cycle is before and not self.transport.is_closing():
            self.transport.close()


async def _not_found(request: Request, exc: Exception) -> Response:
    del request, exc
    return api.error(404, "not_found", "no such path", "GET /openapi.json lists them")


async def _not_allowed(request: Request, exc: Exception) -> Response:
    del exc
    response = api.error(405, "method_not_allowed", f"{request.method} is not answered here")
    allowed = {"/v1/verdict": "GET, HEAD, POST", "/v1/rollback": "POST"}
    path = request.url.path
    acts, asks = ACTION.fullmatch(path), FORM.fullmatch(path)
    usual = "POST" if acts else "GET, HEAD, POST" if asks else "GET, HEAD"
    response.headers["Allow"] = allowed.get(path, usual)
    return response


async def _bug(request: Request, exc: Exception) -> Response:
    del request
    if isinstance(exc, StoreError):
        return api.error(503, "store", str(exc), exc.hint)
    LOG.error("bug in hotgate: %s: %s", type(exc).__name__, exc)
    return api.error(500, "bug", "a bug in hotgate; its log says more")

"""Load on the live service, and a strict account of it: every request that has no good answer is a failure.

Four kinds of clients at once: new connections, GET and POST on kept-alive connections, and requests that are in flight
for a while because their bodies come slowly. A client does what a plain HTTP/1.1 client does: it reuses a connection
until an answer says `Connection: close`, and never asks again after a failure.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Client = Callable[[int, "Account", threading.Event, float], None]

ORDER = json.dumps([{"quantity": 2, "unit_price": 25}]).encode()
ORDER_TOTAL = 50
TIMEOUT = 30.0
SLOW_SECONDS = 0.3
KINDS = ("new connections", "keep-alive GET", "keep-alive POST", "slow requests")


@dataclass(slots=True)
class Account:
    """What became of the requests. `acknowledged`: orders that were answered with 201."""

    sent: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, kind: str, reason: str, *, order: bool) -> None:
        """One request; `reason` is "" when it went well."""
        with self.lock:
            self.sent[kind] += 1
            if reason:
                self.failed[kind] += 1
                self.reasons[f"{kind}: {reason}"] += 1
            elif order:
                self.acknowledged += 1


class _Refused(Exception):
    """An answer that is not the one that was due."""


def _expect(status: int, due: int) -> None:
    if status != due:
        raise _Refused(f"HTTP {status}")


def summary(port: int) -> dict[str, int]:
    """How many orders the service has, and what they are worth."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/orders")
        found: dict[str, int] = json.loads(connection.getresponse().read())
        return found
    finally:
        connection.close()


@contextmanager
def load(port: int, *, clients: int = 2, pause: float = 0.002) -> Iterator[Account]:
    """Load the service at `port` with `clients` of each kind, each of which waits `pause` seconds after an answer, until the block ends."""
    account = Account()
    stop = threading.Event()
    work: tuple[Client, ...] = (
        _requests("new connections", "GET", once=True),
        _requests("keep-alive GET", "GET"),
        _requests("keep-alive POST", "POST"),
        _slow,
    )
    threads = [threading.Thread(target=one, args=(port, account, stop, pause)) for one in work for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield account
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _requests(kind: str, method: str, *, once: bool = False) -> Client:
    """A client that asks over one connection after the other, `once` over each or as long as one lasts."""

    def client(port: int, account: Account, stop: threading.Event, pause: float) -> None:
        while not stop.is_set():
            _kept(port, account, stop, pause, kind, method, once=once)
            stop.wait(pause)

    return client


def _kept(  # noqa: PLR0913, PLR0917 - what a client is
    port: int, account: Account, stop: threading.Event, pause: float, kind: str, method: str, *, once: bool
) -> None:
    """Requests over one connection, until an answer ends it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        while not stop.is_set():
            try:
                connection.request(method, "/orders", body=ORDER if method == "POST" else None)
                answer = connection.getresponse()
                answer.read()
                _expect(answer.status, 201 if method == "POST" else 200)
            except (OSError, http.client.HTTPException, _Refused) as exc:
                account.add(kind, f"{type(exc).__name__}: {exc}", order=False)
                return
            account.add(kind, "", order=method == "POST")
            if once or answer.will_close:
                return
            stop.wait(pause)
    finally:
        connection.close()


def _slow(port: int, account: Account, stop: threading.Event, pause: float) -> None:
    head = f"POST /orders HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(ORDER)}\r\n\r\n".encode()
    while not stop.is_set():
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as connection:
                connection.sendall(head + ORDER[:10])
                time.sleep(SLOW_SECONDS)
                connection.sendall(ORDER[10:])
                answer = b""
                while piece := connection.recv(4096):
                    answer += piece
            _expect(int(answer[9:12] or b"0"), 201)
        except (OSError, _Refused) as exc:
            account.add("slow requests", f"{type(exc).__name__}: {exc}", order=False)
        else:
            account.add("slow requests", "", order=True)
        stop.wait(pause)

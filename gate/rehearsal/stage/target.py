"""Where the service is asked, and what it answers on one connection."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct

from gate.rehearsal.plan.addresses import filled

if TYPE_CHECKING:
    from gate.rehearsal.plan.model import Plan

ASK_TIMEOUT = 2.0


class Target(Struct, frozen=True):
    """Where the service is asked. `path` is "" where a connection that is accepted is enough."""

    host: str
    port: int
    path: str

    def connect(self, timeout: float = ASK_TIMEOUT) -> socket.socket:
        """A connection; OSError where there is none in time."""
        return socket.create_connection((self.host, self.port), timeout=timeout)

    def status(self, connection: socket.socket) -> int:
        """The status of a GET of `path` on `connection`; 0 where no HTTP/1 came, and where there is no path."""
        if not self.path:
            return 0
        head = f"GET {self.path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nUser-Agent: hotgate\r\n\r\n"
        connection.sendall(head.encode("latin-1"))
        answer = b""
        while len(answer) < 12:
            piece = connection.recv(4096)
            if not piece:
                return 0
            answer += piece
        return int(answer[9:12]) if answer.startswith(b"HTTP/1.") and answer[9:12].isdigit() else 0

    def in_words(self) -> str:
        """What comes of asking, for the person who has to put the plan right."""
        try:
            with self.connect() as connection:
                status = self.status(connection)
        except OSError as exc:
            return f"port {self.port} does not answer ({exc.strerror or 'timed out'})"
        if not self.path:
            return f"port {self.port} is answered by no process of the service"
        return f"GET {self.path} is answered with {status}" if status else f"GET {self.path} has no HTTP/1 answer"


def planned(plan: Plan, values: dict[str, str]) -> Target | None:
    """Where `plan` says that the service is asked; None where it has to be looked for."""
    if plan.ready.startswith("http://"):
        url = urlsplit(filled(plan.ready, values))
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        return Target(url.hostname or "127.0.0.1", url.port or 80, path)
    return Target("127.0.0.1", int(values["port"]), "") if "port" in values else None


def found(port: int) -> Target:
    """What listens on `port` of loopback, with a path if it speaks HTTP/1."""
    target = Target("127.0.0.1", port, "/")
    try:
        with target.connect() as connection:
            return target if target.status(connection) else Target("127.0.0.1", port, "")
    except OSError:
        return Target("127.0.0.1", port, "")

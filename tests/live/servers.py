"""Services that answer in ways that no client should trust: each runs in a thread on a port of its own."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from probes.profile.pprof.profile_pb2 import Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Answer = bytes | None
"""What to send for a path; None sends nothing and keeps the connection open."""


def http(body: bytes, *, status: str = "200 OK", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n".encode() + body


def goroutine_profile(*stacks: tuple[str, ...]) -> bytes:
    """A goroutine profile with one goroutine for each stack, the leaf first."""
    profile = Profile()
    profile.string_table.extend(["", "goroutine", "count"])
    profile.sample_type.add(type=1, unit=2)
    profile.mapping.add(id=1, build_id=3)
    profile.string_table.append("0c5c07df302eeb4d")
    ids: dict[str, int] = {}
    for stack in stacks:
        for name in stack:
            if name not in ids:
                ids[name] = len(ids) + 1
                profile.string_table.append(name)
                profile.function.add(id=ids[name], name=len(profile.string_table) - 1)
                profile.location.add(id=ids[name], mapping_id=1).line.add(function_id=ids[name])
        profile.sample.add(location_id=[ids[name] for name in stack], value=[1])
    return gzip.compress(profile.SerializeToString())


Answers = "Callable[[str, socket.socket], Answer] | dict[str, bytes]"

PLAIN = {
    "/debug/pprof/goroutine": http(goroutine_profile(("runtime.gopark", "main.main"))),
    "/debug/pprof/profile": http(goroutine_profile()),
}
"""A service with nothing but net/http/pprof."""


def _one(connection: socket.socket, answer: Answers, stop: threading.Event) -> None:
    with connection, suppress(OSError):
        connection.settimeout(5)
        request = b""
        while b"\r\n\r\n" not in request:
            piece = connection.recv(4096)
            if not piece:
                return
            request += piece
        path = request.split(b" ", 2)[1].decode()
        missing = http(b"404 page not found\n", status="404 Not Found")
        body = answer.get(path.partition("?")[0], missing) if isinstance(answer, dict) else answer(path, connection)
        if body is None:
            stop.wait(5)
        else:
            connection.sendall(body)


@contextmanager
def serve(answer: Answers) -> Iterator[str]:
    """The URL of a server that answers each request with what `answer` gives for its path."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    stop = threading.Event()
    threads: list[threading.Thread] = []

    def loop() -> None:
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=_one, args=(connection, answer, stop))
            thread.start()
            threads.append(thread)

    main = threading.Thread(target=loop)
    main.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        main.join()
        for thread in threads:
            thread.join()
        listener.close()


def dribble(data: bytes, *, pause: float = 0.2) -> Callable[[str, socket.socket], Answer]:
    """An answer a byte at a time."""

    def answer(_path: str, connection: socket.socket) -> Answer:
        for byte in data:
            connection.sendall(bytes([byte]))
            time.sleep(pause)
        return b""

    return answer

"""Many services in one process, each on a port of its own: good ones, dead ones, and ones that no poller should trust.

Good ones answer as goprobe does, with the examples of `goprobe/WIRE.md`. `python -m scripts.measure.simulated` prints a line of
JSON, the ports by kind, and serves until its standard input ends.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import gzip
import json
import os
import re
import socket
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from probes.profile.pprof.profile_pb2 import Profile
from scripts.programs.gobuild import ROOT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

EXAMPLE = re.compile(r"^```json (\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
ENDPOINTS = {"status": "status", "cgo": "cgo", "heartbeat": "heartbeat", "health": "healthz"}
GARBAGE = (
    b"\x00\xff" * 2000,
    b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<html></h>",
    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 22\r\n\r\n{"schema_version":"1"}',
    b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"[" * 100_000,
    b"HTTP/1.1 999\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n",
)

BOMBS = (64 << 20, 3 << 20)
"""Bytes of a goroutine profile: far more than a sidecar reads, and nearly as much as it does."""


def examples() -> dict[str, Any]:
    """The answers that WIRE.md shows, by endpoint."""
    text = (ROOT / "goprobe" / "WIRE.md").read_text("utf-8")
    return {ENDPOINTS[name]: json.loads(body) for name, body in EXAMPLE.findall(text) if name in ENDPOINTS}


def goroutines() -> bytes:
    """A goroutine profile with one goroutine in it."""
    profile = Profile()
    profile.string_table.extend(["", "goroutine", "count", "main.main"])
    profile.sample_type.add(type=1, unit=2)
    profile.function.add(id=1, name=3)
    profile.location.add(id=1).line.add(function_id=1)
    profile.sample.add(location_id=[1], value=[1])
    return gzip.compress(profile.SerializeToString())


@functools.cache
def crowd(size: int) -> bytes:
    """A goroutine profile whose stacks are `size` bytes, and a thousandth of it compressed."""
    profile = Profile()
    profile.string_table.extend(["", "goroutine", "count", "main.main"])
    profile.sample_type.add(type=1, unit=2)
    profile.function.add(id=1, name=3)
    for number in range(1, 60):
        profile.location.add(id=number).line.add(function_id=1)
    one = Profile()
    one.sample.add(location_id=range(1, 60), value=[1])
    stack = one.SerializeToString()
    return gzip.compress(profile.SerializeToString() + stack * (size // len(stack)))


class Good:
    """A service with goprobe, which has a new window of its heartbeat every minute."""

    def __init__(self, number: int) -> None:
        self._examples = examples()
        self._epoch = f"{number:032x}"
        self._started = time.monotonic()
        self._profile = goroutines()
        self.requests = 0

    def body(self, path: str) -> bytes | None:
        """The answer to a path; None when there is none."""
        if path.startswith(("pprof/", "heartbeat/")):
            return self._profile
        shape = self._examples.get(path)
        if shape is None:
            return None
        now = datetime.now(UTC).isoformat()
        shape |= {"taken_at": now, "taken_monotonic_ns": time.monotonic_ns()}
        if "epoch" in shape:
            shape["epoch"] = self._epoch
        if path == "status":
            shape["image"]["epoch"] = self._epoch
        if path == "heartbeat":
            shape["windows"] = self._windows(shape["windows"][0])
        return json.dumps(shape).encode()

    def _windows(self, example: dict[str, Any]) -> list[dict[str, Any]]:
        newest = int((time.monotonic() - self._started) / 60) + 1
        out = []
        for seq in range(max(1, newest - 29), newest + 1):
            begun = datetime.now(UTC) - timedelta(minutes=newest - seq)
            times = {"started_at": begun.isoformat(), "ended_at": (begun + timedelta(seconds=6)).isoformat()}
            start = seq * 60 * 10**9
            times |= {"start_monotonic_ns": start, "end_monotonic_ns": start + 6 * 10**9}
            out.append(example | times | {"seq": seq, "epoch": self._epoch})
        return out

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests on one connection until it ends."""
        while head := await reader.readuntil(b"\r\n\r\n"):
            self.requests += 1
            path = head.split(b" ", 2)[1].decode("latin-1").partition("?")[0].removeprefix("/debug/hotgate/")
            body = self.body(path)
            status = b"200 OK" if body is not None else b"404 Not Found"
            body = body or b"404 page not found\n"
            writer.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))
            await writer.drain()


async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A byte every half second."""
    await reader.read(1)
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b" " * 100_000:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.5)


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Bytes that are no answer, another kind each time."""
    await reader.read(1)
    writer.write(GARBAGE[time.monotonic_ns() % len(GARBAGE)])
    await writer.drain()


def bomb(size: int) -> Handler:
    """A service without goprobe, whose goroutine profile is `crowd(size)`."""
    profile = crowd(size)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            found = b" /debug/pprof/goroutine" in head
            status, body = (b"200 OK", profile) if found else (b"404 Not Found", b"404 page not found\n")
            writer.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))
            await writer.drain()

    return answer


_BOUND: list[socket.socket] = []


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts the connection and never answers."""
    del writer
    await reader.read()
    await asyncio.sleep(3600)


def _quietly(handler: Handler) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await handler(reader, writer)
        finally:
            writer.close()

    return handle


async def serve(counts: dict[str, int]) -> dict[str, list[int]]:
    """Start all; the ports by kind. Half of the dead refuse, the others are silent; a third of the garbage is packed."""
    ports: dict[str, list[int]] = {kind: [] for kind in counts}
    for kind, number in counts.items():
        for index in range(number):
            if kind == "dead" and index % 2:
                ports[kind].append(_refusing())
                continue
            handlers: dict[str, Handler] = {"dribble": dribble, "garbage": garbage, "dead": silent}
            handler = handlers.get(kind) or Good(index)
            if kind == "garbage" and index % 3 == 2:
                handler = bomb(BOMBS[index % len(BOMBS)])
            server = await asyncio.start_server(_quietly(handler), "127.0.0.1", 0)
            ports[kind].append(server.sockets[0].getsockname()[1])
    return ports


def _refusing() -> int:
    """A port at which nothing listens, and that no other process can take: a socket that is only bound refuses connections."""
    kept = socket.socket()
    kept.bind(("127.0.0.1", 0))
    _BOUND.append(kept)
    port: int = kept.getsockname()[1]
    return port


async def _main(counts: dict[str, int]) -> None:
    ports = await serve(counts)
    print(json.dumps(ports), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)  # connections that never end are what this is about


def main() -> int:
    """Serve."""
    parser = argparse.ArgumentParser(description="simulate services")
    for kind, number in (("good", 420), ("dead", 50), ("dribble", 20), ("garbage", 10)):
        parser.add_argument(f"--{kind}", type=int, default=number)
    asyncio.run(_main(vars(parser.parse_args())))
    return 0


if __name__ == "__main__":
    sys.exit(main())

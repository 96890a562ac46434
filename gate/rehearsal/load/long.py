"""Long-lived connections: echoed lines, WebSocket messages and server-sent events, each with its number."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import re
import struct
from typing import TYPE_CHECKING

from msgspec import Struct

from gate.rehearsal.load.records import CUT, LATE, LONG, OK, REFUSED, Record

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Note = Callable[[Record, str], None]

BETWEEN = 0.5
"""Seconds between two messages on one connection."""
AGAIN = 0.2
"""Seconds before a connection that was cut is opened again."""
MOST = 1 << 16
"""Bytes of a line or of a message."""


class Kept(Struct, frozen=True):
    """Where long-lived connections are opened, and what is spoken on them: `lines`, `websocket` or `events`."""

    spoken: str
    host: str
    port: int
    path: str


class _CutError(Exception):
    """The connection ended, or what came back is not what was sent."""


async def keep(number: int, order: Kept, timeout: float, note: Note) -> None:  # noqa: ASYNC109 - of each message, not of all
    """Keep one connection open until cancelled, and `note` each message and each loss.

    A connection that cannot be opened again is one loss, however often it is tried.
    """
    loop = asyncio.get_running_loop()
    down = False
    while True:
        begun = loop.time()
        writer = None
        sequence = 0
        try:
            reader, writer = await asyncio.wait_for(
                asyncio.open_connection(order.host, order.port, limit=MOST), timeout
            )
            spoken = await asyncio.wait_for(_opened(order, reader, writer), timeout)
            down = False
            while True:
                begun = loop.time()
                if order.spoken == "events":
                    await _event(reader, note, begun)
                    continue
                sequence += 1
                await asyncio.wait_for(spoken(f"hotgate {number} {sequence}"), timeout)
                note(Record(begun, begun, loop.time(), LONG, OK, 0), "")
                await _idle(reader)
        except (OSError, _CutError, TimeoutError, asyncio.IncompleteReadError, ValueError) as exc:
            connecting = writer is None
            outcome = LATE if isinstance(exc, TimeoutError) else REFUSED if connecting else CUT
            if not down:
                note(Record(begun, begun, loop.time(), LONG, outcome, 0), str(exc) or type(exc).__name__)
            down = True
        finally:
            if writer is not None:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
        await asyncio.sleep(AGAIN)


async def _idle(reader: asyncio.StreamReader) -> None:
    """Wait until the next message is due, or the connection ends."""
    waiting = asyncio.ensure_future(asyncio.sleep(BETWEEN))
    try:
        while not waiting.done():
            if reader.at_eof() or reader.exception() is not None:
                raise _CutError("closed by the service")
            await asyncio.wait({waiting}, timeout=0.05)
    finally:
        waiting.cancel()


async def _opened(
    order: Kept, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Callable[[str], Awaitable[None]]:
    """Whatever has to be said first; returns what sends a message and waits until it is back."""
    kind, path, host = order.spoken, order.path, f"{order.host}:{order.port}"
    if kind == "lines":
        return lambda text: _line(reader, writer, text)
    key = base64.b64encode(os.urandom(16)).decode()
    asks = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n"
    if kind == "websocket":
        asks += (
            f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
        )
    else:
        asks += "Accept: text/event-stream\r\n"
    writer.write(f"{asks}\r\n".encode("latin-1"))
    head = await reader.readuntil(b"\r\n\r\n")
    due = b"101" if kind == "websocket" else b"200"
    if head[9:12] != due:
        raise _CutError(f"HTTP {head[9:12].decode('latin-1')} instead of {due.decode()}")
    return lambda text: _message(reader, writer, text)


async def _line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: str) -> None:
    writer.write(text.encode() + b"\n")
    while True:
        line = await reader.readuntil(b"\n")
        found = re.search(rb"hotgate \d+ (\d+)", line)
        if found is None:
            continue  # a greeting
        if text.encode() not in line:
            raise _CutError(f"{found[0].decode()} came instead of {text}")
        return


async def _message(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: str) -> None:
    """A text message, and the one that comes back (RFC 6455, section 5.2). Fragments are put together."""
    writer.write(_frame(0x1, text.encode()))
    whole = b""
    while True:
        code, last, data = await _received(reader)
        if code == 0x8:
            closed = struct.unpack("!H", data[:2])[0] if len(data) >= 2 else 1005
            raise _CutError(f"closed by the service with code {closed}")
        if code == 0x9:
            writer.write(_frame(0xA, data[:125]))
        if code not in (0x0, 0x1, 0x2):
            continue
        whole += data
        if len(whole) > MOST:
            raise _CutError("a message of more than 64 KiB")
        if last and text.encode() in whole:
            return
        if last and b"hotgate " in whole:
            raise _CutError(f"another message came instead of {text}")
        whole = b"" if last else whole


async def _received(reader: asyncio.StreamReader) -> tuple[int, bool, bytes]:
    """The next frame: its code, whether it is the last of its message, and its data."""
    first, second = await reader.readexactly(2)
    size = second & 0x7F
    if size == 126:
        (size,) = struct.unpack("!H", await reader.readexactly(2))
    elif size == 127:
        (size,) = struct.unpack("!Q", await reader.readexactly(8))
    if size > MOST:
        raise _CutError("a message of more than 64 KiB")
    return first & 0x0F, bool(first & 0x80), await reader.readexactly(size)


def _frame(code: int, data: bytes) -> bytes:
    """A frame of at most 65,535 bytes from a client, which masks what it sends."""
    mask = os.urandom(4)
    size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack("!H", len(data))
    return bytes([0x80 | code]) + size + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))


async def _event(reader: asyncio.StreamReader, note: Note, begun: float) -> None:
    """One line of an event stream; the end of the stream is a cut."""
    line = await reader.readline()
    if not line:
        raise _CutError("closed by the service")
    if line.startswith(b"data:"):
        note(Record(begun, begun, asyncio.get_running_loop().time(), LONG, OK, 0), "")

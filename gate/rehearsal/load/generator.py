"""The load generator, a process of its own: requests leave when they are due, whether or not others were answered.

`python -m gate.rehearsal.load.generator RECORDS` reads its order from the first line of standard input, and from then on a command a
line, each of which it answers with a line: `pause` (wait for what is under way, close idle connections), `resume`, `hold SECONDS` (send half of a
request now, and the rest later), `examples`, `stop`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

import h11
from msgspec import Struct
from msgspec.json import decode

from gate.rehearsal.load.exchange import Wire, judged, outcome_of
from gate.rehearsal.load.long import Kept, keep
from gate.rehearsal.load.records import KEPT, NEW, SLOW, UNSENT, Record
from gate.rehearsal.load.requests import Request  # noqa: TC001 - msgspec reads the annotation

if TYPE_CHECKING:
    from collections.abc import Sequence

BEHIND = 1.0
"""Seconds after which a request that was not sent is not sent at all."""
MOST_OPEN = 10_000
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
"""Methods of requests that clients send once more when a connection that was used before is closed before an answer (RFC 9110, 9.2.2)."""
HALVES = 0.3
"""Seconds between the two halves of a slow request."""


class Order(Struct, frozen=True):
    """What is asked of the generator; `rate` a second, `new` and `slow` in percent, times in seconds."""

    host: str
    port: int
    requests: tuple[Request, ...]
    rate: int
    new: int
    slow: int
    timeout: float
    expect: tuple[int, ...]
    keep: int
    keep_as: str
    keep_host: str
    keep_port: int
    keep_path: str


class Generator:
    """Sends, and writes down what became of it."""

    def __init__(self, order: Order, out: BinaryIO) -> None:
        self.order, self._out = order, out
        self._idle: list[Wire] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._running = asyncio.Event()
        self.examples: dict[str, str] = {}
        self._kinds = _shuffled(order.new, order.slow)
        self._expect = frozenset(order.expect)
        self._buffer = bytearray()

    def note(self, record: Record, example: str) -> None:
        """Write `record` down; `example` says what went wrong."""
        self._buffer += record.pack()
        if example:
            self.examples.setdefault(f"{record.outcome} {record.on}", example[:200])

    def flush(self) -> None:
        """Have everything that was written down in the file."""
        self._out.write(self._buffer)
        self._out.flush()
        self._buffer.clear()

    async def flushing(self) -> None:
        """Write to the file a few times a second, until cancelled."""
        while True:
            await asyncio.sleep(0.1)
            self.flush()

    async def send(self) -> None:
        """Send each request when it is due, until cancelled."""
        loop = asyncio.get_running_loop()
        period = 1.0 / self.order.rate
        while True:
            await self._running.wait()
            begin = loop.time()
            number = 0
            while self._running.is_set():
                due = begin + number * period
                wait = due - loop.time()
                if wait > 0 or number % 16 == 0:
                    await asyncio.sleep(max(wait, 0))
                kind = self._kinds[number % len(self._kinds)]
                if loop.time() - due > BEHIND or len(self._tasks) >= MOST_OPEN:
                    self.note(Record(due, due, due, kind, UNSENT, 0), "")
                else:
                    request = self.order.requests[number % len(self.order.requests)]
                    task = loop.create_task(self._one(request, kind, due))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
                number += 1

    async def _one(
        self, request: Request, kind: int, due: float, slowly: float = 0.0, sent: asyncio.Event | None = None
    ) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        wire, connecting, outcome, example = self._pooled() if kind == KEPT else None, False, 0, ""
        again = wire is not None and request.method in IDEMPOTENT
        slowly = slowly or (HALVES if kind == SLOW else 0.0)
        host = f"{self.order.host}:{self.order.port}"
        try:
            async with asyncio.timeout(self.order.timeout + slowly):
                if wire is not None:
                    try:
                        await wire.exchange(request, host, slowly, sent)
                    except OSError:
                        wire.close()
                        if not again or wire.begun:
                            raise
                        wire = None
                if wire is None:
                    connecting = True
                    _, wire = await loop.create_connection(Wire, self.order.host, self.order.port)
                    connecting = False
                    await wire.exchange(request, host, slowly, sent)
            outcome = judged(wire, self._expect)
            example = f"HTTP {wire.status}" if outcome else ""
        except (OSError, h11.ProtocolError) as exc:
            outcome = outcome_of(exc, connecting=connecting, begun=wire is not None and wire.begun)
            example = str(exc) or type(exc).__name__
        finally:
            if sent is not None:
                sent.set()
        status = 0 if wire is None else wire.status
        self.note(Record(due, begun, loop.time(), kind, outcome, status), example)
        if wire is not None:
            if kind == KEPT and outcome == 0 and self._running.is_set() and wire.reusable():
                self._idle.append(wire)
            else:
                wire.close()

    def _pooled(self) -> Wire | None:
        while self._idle:
            wire = self._idle.pop()
            if not wire.closed:
                return wire
        return None

    async def hold(self, seconds: float) -> bool:
        """Send half of a request, and return; its other half follows in `seconds`. Whether it has a body.

        A service that drains need not wait for a head: without a body, the other half follows as soon as that of any slow request.
        """
        loop = asyncio.get_running_loop()
        sent = asyncio.Event()
        bodies = [each for each in self.order.requests if each.body]
        request, wait = (bodies[0], seconds) if bodies else (self.order.requests[0], HALVES)
        task = loop.create_task(self._one(request, SLOW, loop.time(), wait, sent))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await sent.wait()
        return bool(bodies)

    async def pause(self) -> int:
        """Send nothing more, wait for what is under way, and close what is idle; how many were still open after that."""
        self._running.clear()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=self.order.timeout + 5)
        while self._idle:
            self._idle.pop().close()
        await asyncio.sleep(0.01)
        self.flush()
        return len(self._tasks)

    def resume(self) -> None:
        """Go on; the schedule begins anew."""
        self._running.set()

    def keepers(self) -> list[asyncio.Task[None]]:
        """A task for each long connection."""
        order = self.order
        where = Kept(order.keep_as, order.keep_host, order.keep_port, order.keep_path)
        loop = asyncio.get_running_loop()
        return [loop.create_task(keep(number, where, order.timeout, self.note)) for number in range(order.keep)]


def _shuffled(new: int, slow: int) -> Sequence[int]:
    """A hundred kinds in the shares of the plan, always in the same order."""
    kinds = [NEW] * new + [SLOW] * slow + [KEPT] * (100 - new - slow)
    random.Random(0).shuffle(kinds)  # noqa: S311 - an order, no secret
    return kinds


async def run(order: Order, out: BinaryIO) -> None:
    """Serve commands until `stop`, or until nobody is there to give any."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    generator = Generator(order, out)
    tasks = [loop.create_task(generator.flushing()), *generator.keepers()]
    if order.requests:
        tasks.append(loop.create_task(generator.send()))
    _say({"ready": True})
    while line := await reader.readline():
        verb, _, rest = line.decode("ascii").strip().partition(" ")
        if verb == "pause":
            _say({"open": await generator.pause()})
        elif verb == "resume":
            generator.resume()
            _say({"resumed": True})
        elif verb == "hold":
            _say({"body": await generator.hold(float(rest))})
        elif verb == "examples":
            generator.flush()
            _say(generator.examples)
        else:
            break
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    generator.flush()
    _say({"stopped": True})


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Read the order, and run."""
    with open(0, "rb", buffering=0, closefd=False) as commands:
        order = decode(commands.readline(), type=Order)
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    with open(sys.argv[1], "ab", buffering=0) as out:  # noqa: PTH123 - unbuffered
        asyncio.run(run(order, out))
    return 0


if __name__ == "__main__":
    sys.exit(main())

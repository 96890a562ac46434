"""Keeps what was polled until the store has it: one thread writes, in batches; nothing is dropped in silence."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

from gate.store import samples
from gate.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gate.store.database import Database
    from gate.store.polled import Polled
    from gate.store.retention import Retention

LOG = logging.getLogger("hotgate.store")

EVERY = 1.0
"""Seconds between two batches."""

BATCH = 2000
MAX_WAITING = 100_000
"""Polls that wait for a store that cannot be written; the oldest beyond it are lost, counted and logged."""

MAX_ROWS = 200_000
"""Of polls and the windows that came with them, together: a service may send 200 windows with each."""

BATCH_ROWS = 10_000
MAX_PAUSE = 30.0
TRIM_EVERY = 600.0


class Recorder:
    """Between the polls and the store."""

    def __init__(self, database: Database, retention: Callable[[], Retention]) -> None:
        self._database = database
        self._retention = retention
        self._waiting: deque[Polled] = deque()
        self._rows = 0
        self._urls: dict[str, str] = {}
        self._ids: dict[str, int] = {}
        self._kept: dict[str, str] = {}
        """The URLs that the store has."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._at_once = BATCH
        self.written = 0
        self.lost = 0
        self.failures = 0
        self.problem = ""
        """Why the store cannot be written right now, "" when it can."""

    @property
    def waiting(self) -> int:
        """Polls that the store does not have yet."""
        return len(self._waiting)

    def know(self, services: Sequence[tuple[str, str]]) -> None:
        """The names and URLs of the services from now on; the store gets what is new with the next sample."""
        # A poll of a removed service may end after the removal: it waits for the store without being known any more.
        waiting = {each.sample.service for each in self._waiting}
        self._urls = {name: self._urls.get(name, "") for name in waiting} | dict(services)

    def put(self, polled: Polled) -> None:
        """Keep a poll; it will be written within a second or so."""
        self._waiting.append(polled)
        self._rows += _rows(polled)
        while len(self._waiting) > MAX_WAITING or (self._rows > MAX_ROWS and len(self._waiting) > 1):
            self._take()
            self.lost += 1
            if self.lost % 1000 == 1:
                LOG.error("polls are lost: the store has not been writable for too long (%d so far)", self.lost)

    def _take(self) -> None:
        self._rows -= _rows(self._waiting.popleft())

    def _batch(self) -> list[Polled]:
        """The oldest polls, as many as are written at once; one at least."""
        batch: list[Polled] = []
        rows = 0
        for each in islice(self._waiting, self._at_once):
            rows += _rows(each)
            if batch and rows > BATCH_ROWS:
                break
            batch.append(each)
        return batch

    async def flush(self) -> bool:
        """Write what waits; whether all of it is on the disk."""
        forgotten = False
        while self._waiting:
            batch = self._batch()
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self._write, batch)
            except StoreError as exc:
                self.failures += 1
                if exc.kind == "constraint" and not forgotten:
                    # The rows of services that the store was known to have may be gone: a backup was restored.
                    forgotten = True
                    self._ids.clear()
                    self._kept.clear()
                    continue
                if exc.kind in ("refused", "constraint"):
                    self._part(batch, exc)
                    continue
                if str(exc) != self.problem:
                    LOG.error("%s; %d polls wait", exc, len(self._waiting))  # noqa: TRY400 - one line, no traceback
                self.problem = str(exc)
                return False
            for each in batch:  # the oldest may have been lost meanwhile
                if self._waiting and self._waiting[0] is each:
                    self._take()
            self.written += len(batch)
            self._at_once = min(self._at_once * 2, BATCH)
            if self.problem:
                LOG.info("the store can be written again")
            self.problem = ""
        return True

    def _part(self, batch: Sequence[Polled], exc: StoreError) -> None:
        """Halve a batch until the poll that the database does not take is alone: it must not keep out the others for ever."""
        self._at_once = max(1, len(batch) // 2)
        if len(batch) > 1:
            return
        refused = batch[0].sample
        if self._waiting and self._waiting[0] is batch[0]:
            self._take()
            self.lost += 1
        LOG.error("a poll of %s is lost, which the store does not take: %s", refused.service, exc)

    def _write(self, batch: Sequence[Polled]) -> None:
        urls = {name: self._urls.get(name, "") for name in {each.sample.service for each in batch}}
        if not urls.items() <= self._kept.items():
            self._ids |= samples.service_ids(self._database, urls.items())
            self._kept |= urls
        samples.write(self._database, batch, self._ids)

    async def run(self) -> None:
        """Write for ever, and forget what is old; cancelled at the end, after which `close` writes the rest."""
        pause, next_trim = EVERY, 0.0
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(pause)
            pause = EVERY if await self.flush() else min(pause * 2, MAX_PAUSE)
            if loop.time() >= next_trim:
                next_trim = loop.time() + TRIM_EVERY
                await self._trim()

    async def _trim(self) -> None:
        from gate.store.retention import trim

        try:
            gone = await asyncio.get_running_loop().run_in_executor(
                self._thread, trim, self._database, self._retention()
            )
        except StoreError as exc:
            LOG.error("cannot forget what is old: %s", exc)  # noqa: TRY400
        else:
            if gone:
                LOG.info("forgot %d rows that are older or more than is kept", gone)

    async def close(self, seconds: float) -> int:
        """Write the rest, for at most `seconds`; how many polls could not be written."""
        try:
            async with asyncio.timeout(seconds):
                while not await self.flush():  # noqa: ASYNC110 - nothing tells when the store is back
                    await asyncio.sleep(0.2)
        except TimeoutError:
            pass
        self._thread.shutdown(wait=False)
        return len(self._waiting) + self.lost


def _rows(polled: Polled) -> int:
    return 1 + len(polled.windows)

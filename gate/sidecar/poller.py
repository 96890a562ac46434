"""Polls all services on time: one task each, two lanes, and patience with those that do not answer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from typing import TYPE_CHECKING

from gate.sidecar import schedule
from gate.sidecar.board import Entry
from gate.sidecar.images import Images
from gate.sidecar.poll import Poller
from probes.live.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gate.sidecar.board import Board
    from gate.sidecar.config import ServiceConfig
    from gate.sidecar.recorder import Recorder

LOG = logging.getLogger("hotgate.poll")


class Polling:
    """The tasks. `after` is called with a service whenever it has answered, and with whether its image was replaced."""

    def __init__(
        self, board: Board, recorder: Recorder, concurrency: int, after: Callable[[Entry, bool], None]
    ) -> None:
        self._board = board
        self._recorder = recorder
        self._after = after
        self._remembered: dict[str, Images] = {}
        # Services that did not answer the last time have a lane of their own: they cannot keep the others waiting.
        self._good = asyncio.Semaphore(concurrency)
        self._suspect = asyncio.Semaphore(concurrency)
        self._running: dict[str, tuple[asyncio.Task[None], asyncio.Event]] = {}

    def remember(self, known: dict[str, Images]) -> None:
        """What services that are added from now on are known by."""
        self._remembered = known

    async def change(self, services: Iterable[ServiceConfig]) -> None:
        """Poll `services` from now on. Polls under way are finished and kept; unchanged services notice nothing."""
        wanted = {service.name: service for service in services}
        entries = self._board.entries
        leaving = [name for name in self._running if name not in wanted or entries[name].config != wanted[name]]
        for name in leaving:
            self._running[name][1].set()
        for name, service in wanted.items():
            entry = entries.get(name)
            if entry is None:
                entries[name] = Entry(service, images=self._remembered.pop(name, Images()))
            elif entry.config != service:
                entry.config = service
        self._recorder.know([(service.name, service.url) for service in wanted.values()])
        for name, service in wanted.items():
            if name in self._running and name not in leaving:
                continue
            before = self._running[name][0] if name in self._running else None
            stop = asyncio.Event()
            self._running[name] = (asyncio.create_task(self._follow(service, stop, before)), stop)
        gone = [name for name in leaving if name not in wanted]
        await asyncio.gather(*(self._running.pop(name)[0] for name in gone))
        for name in gone:
            entries.pop(name, None)

    async def stop(self) -> None:
        """Finish the polls under way."""
        for _, stop in self._running.values():
            stop.set()
        await asyncio.gather(*(task for task, _ in self._running.values()))
        self._running.clear()

    async def _follow(self, service: ServiceConfig, stop: asyncio.Event, before: asyncio.Task[None] | None) -> None:
        """Poll one service until told to stop; `before` is the task of its former configuration, which ends first."""
        if before is not None:
            await before
        due = schedule.next_due(service.name, service.interval, time.time())
        async with Client(service.url, token=service.token, seconds=service.timeout) as client:
            poller = Poller(service, client)
            while True:
                # The wall clock decides, because others who poll the service go by it, too; it may be set meanwhile.
                put_off = schedule.jitter(service.interval, random.random())  # noqa: S311 - no secret
                wait = min(due + put_off - time.time(), service.interval * 2 + schedule.MAX_BACKOFF)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), max(wait, 0))
                if stop.is_set():
                    return
                failures = await self._poll(service, poller, due)
                now = time.time()
                if 0 < due - now < service.interval:
                    now = due  # a timer that ran early must not poll twice; a clock that was set back is another matter
                due = schedule.next_due(service.name, service.interval, now)
                due += schedule.skipped(failures, service.interval) * service.interval

    async def _poll(self, service: ServiceConfig, poller: Poller, due: float) -> int:
        entry = self._board.entries[service.name]
        async with self._suspect if entry.failures else self._good:
            begun = time.time()
            polled = await poller.poll(due, begun)
        sample = polled.sample
        self._recorder.put(polled)
        self._board.late.add(sample.late_ms)
        failing = entry.failures
        replaced = entry.add(sample)
        if replaced:
            LOG.info("%s goes over to generation %s, epoch %s", service.name, sample.generation, sample.epoch)
        if entry.failures == 1:
            LOG.warning("%s: %s: %s", service.name, sample.state, sample.error)
        elif failing and not entry.failures:
            LOG.info("%s answers again after %d polls", service.name, failing)
        self._after(entry, replaced)
        return entry.failures

"""Polls all services on time: one task each, two lanes, and patience with those that do not answer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from typing import TYPE_CHECKING

from gate.sidecar.polling import times
from gate.sidecar.polling.poll import LIMITS, Poller
from gate.sidecar.state.board import Entry
from gate.sidecar.state.images import Images
from gate.store.polled import Polled, Sample, short
from probes.live.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gate.sidecar.config.model import ServiceConfig
    from gate.sidecar.polling.recorder import Recorder
    from gate.sidecar.state.board import Board

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
        self._leaving: set[asyncio.Task[None]] = set()
        """Of services that were removed, and whose poll is under way."""
        self._bugs: set[tuple[str, type[Exception]]] = set()

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
        last = [self._running.pop(name)[0] for name in gone]
        self._leaving.update(last)
        if last:
            # A reload that is broken off, because the sidecar stops, must not take the polls under way with it.
            await asyncio.wait(last)
        self._leaving.difference_update(last)
        for name in gone:
            entries.pop(name, None)

    async def stop(self) -> None:
        """Finish the polls under way."""
        for _, stop in self._running.values():
            stop.set()
        found = await asyncio.gather(
            *(task for task, _ in self._running.values()), *self._leaving, return_exceptions=True
        )
        self._running.clear()
        self._leaving.clear()
        for exc in found:
            if isinstance(exc, BaseException):
                LOG.error("bug in hotgate: a service was not polled any more: %s: %s", type(exc).__name__, exc)

    async def _follow(self, service: ServiceConfig, stop: asyncio.Event, before: asyncio.Task[None] | None) -> None:
        """Poll one service until told to stop; `before` is the task of its former configuration, which ends first."""
        if before is not None:
            await asyncio.wait([before])
        due = times.next_due(service.name, service.interval, time.time())
        client = Client(service.url, token=service.token, seconds=service.timeout, limits=LIMITS)
        async with client:
            poller = Poller(service, client)
            failures = 0
            while True:
                # The wall clock decides, because others who poll the service go by it, too; it may be set meanwhile.
                put_off = times.jitter(service.interval, random.random())  # noqa: S311 - no secret
                wait = min(due + put_off - time.time(), service.interval * 2 + times.MAX_BACKOFF)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), max(wait, 0))
                if stop.is_set():
                    return
                try:
                    failures = await self._poll(service, poller, due)
                except Exception as exc:  # noqa: BLE001
                    self._tell(service.name, exc)
                now = time.time()
                if 0 < due - now < service.interval:
                    now = due  # a timer that ran early must not poll twice; a clock that was set back is another matter
                due = times.next_due(service.name, service.interval, now)
                due += times.skipped(failures, service.interval) * service.interval

    def _failed(self, name: str, due: float, begun: float, exc: Exception) -> Polled:
        """The sample of a poll that raised what no answer should make it raise."""
        self._tell(name, exc)
        late, took = round((begun - due) * 1000), round(max(0.0, time.time() - begun) * 1000)
        error = short(f"bug in hotgate: {type(exc).__name__}: {exc}")
        return Polled(Sample(name, round(due * 1000), late, took, "garbage", error=error))

    def _tell(self, name: str, exc: Exception) -> None:
        """Log it, once for each service and kind: it may come back with every poll."""
        if (name, type(exc)) not in self._bugs:
            self._bugs.add((name, type(exc)))
            LOG.error("bug in hotgate: polling %s: %s: %s", name, type(exc).__name__, exc, exc_info=exc)

    async def _poll(self, service: ServiceConfig, poller: Poller, due: float) -> int:
        entry = self._board.entries[service.name]
        async with self._suspect if entry.failures else self._good:
            begun = time.time()
            try:
                polled = await poller.poll(due, begun)
            except Exception as exc:  # noqa: BLE001 - one poll that fails must not be the service's last
                polled = self._failed(service.name, due, begun, exc)
        sample = polled.sample
        self._recorder.put(polled)
        self._board.late.add(sample.late_ms)
        failing = entry.failures
        replaced = entry.add(sample)
        if not entry.failures:
            entry.canary, entry.canary_age = polled.canary, polled.canary_age
        if replaced:
            LOG.info("%s goes over to generation %s, epoch %s", service.name, sample.generation, sample.epoch)
        if entry.failures == 1:
            LOG.warning("%s: %s: %s", service.name, sample.state, sample.error)
        elif failing and not entry.failures:
            LOG.info("%s answers again after %d polls", service.name, failing)
        self._after(entry, replaced)
        return entry.failures

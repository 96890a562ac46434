"""The sidecar as one object: what polls, what keeps, what judges, what is served; and its way from start to end."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from typing import TYPE_CHECKING

from gate.inflection import count
from gate.policy.errors import PolicyError
from gate.sidecar.actions import Actions
from gate.sidecar.canaries import Canaries
from gate.sidecar.config.model import is_loopback
from gate.sidecar.fleet import FleetWatch
from gate.sidecar.metrics import Metrics
from gate.sidecar.polling.recorder import Recorder
from gate.sidecar.polling.scheduler import Polling
from gate.sidecar.releases import HostReleases
from gate.sidecar.state.board import Board
from gate.sidecar.state.rehearsed import image_names, last_rehearsal
from gate.sidecar.state.resume import remembered
from gate.sidecar.systemd import Notifier
from gate.sidecar.verdicts.judge import Judge
from gate.sidecar.watching import Watching
from gate.store.errors import StoreError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine
    from contextlib import AbstractAsyncContextManager
    from typing import Any, TypeAlias

    from gate.policy.model import Policy
    from gate.sidecar.config.model import SidecarConfig
    from gate.sidecar.state.board import Entry
    from gate.store.database import Database

    Serve: TypeAlias = Callable[[socket.socket], AbstractAsyncContextManager[None]]

LOG = logging.getLogger("hotgate.sidecar")

DRAIN_SECONDS = 10.0
STANDS = 3.0
"""Intervals between two looks after which the verdict of one tells nothing of the present."""


class Sidecar:
    """All parts. `load` reads the configuration again; what it raises leaves everything as it is. `store`: the place, unless the policy names it."""

    def __init__(
        self,
        config: SidecarConfig,
        policy: Policy,
        database: Database,
        load: Callable[[], tuple[SidecarConfig, Policy]],
        store: str = "",
    ) -> None:
        self.config = config
        self.policy = policy
        self.database = database
        self._load = load
        self._listening = (config.host, config.port, config.concurrency)
        self.board = Board()
        self.recorder = Recorder(database, lambda: self.config.retention)
        self.releases = HostReleases(lambda: self.config)
        self.fleet = FleetWatch(lambda: self.config)
        self.actions = Actions(database, lambda: self.config, store)
        self.metrics = Metrics(self.board, self.recorder, self.releases, self.actions)
        self.judge = Judge(database, lambda: self.config, lambda: self.policy)
        self.watching = Watching(self.board, database)
        self._canaries = Canaries(database)
        self._polling = Polling(self.board, self.recorder, config.concurrency, self._after)
        self._notifier = Notifier()
        self._side: set[asyncio.Task[None]] = set()
        self._judging: set[str] = set()
        self._replaced: set[str] = set()
        """Services whose image was replaced during the look at them."""
        self._reloading = asyncio.Lock()
        self.broken = False
        """A part of it has failed, which is a bug."""

    async def run(self, sock: socket.socket, show: Callable[[str], None] | None, serve: Serve) -> int:
        """Serve until SIGTERM or SIGINT; how many polls never reached the store.

        Args:
            sock: where to listen.
            show: gets the status line.
            serve: answers requests at the socket while its context lasts.
        """
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._spawn(self.reload()))
        recording = self._for_ever(self.recorder.run(), stop)
        watching = self._for_ever(self.watching.run(), stop)
        looking = self._for_ever(self.releases.run(), stop)
        asking = self._for_ever(self.fleet.run(), stop)
        self._spawn(self.actions.resume())
        known = await asyncio.to_thread(remembered, self.database, self.config.services, time.time())
        self._polling.remember(known)
        await self._polling.change(self.config.services)
        try:
            async with serve(sock):
                self._notifier.ready(self.status())
                LOG.info("polling %s, serving %s", count(len(self.config.services), "service"), self.address(sock))
                showing = asyncio.create_task(self._show(show))
                await stop.wait()
                # What a reload would begin now would never be ended.
                loop.add_signal_handler(signal.SIGHUP, LOG.info, "not reloaded: the sidecar is stopping")
                await _end(*self._side)
                self._notifier.stopping()
                LOG.info("stopping: polls under way are finished, %d wait for the store", self.recorder.waiting)
                await self._polling.stop()
                await _end(showing, watching, looking, asking, *self._side)
        finally:  # whatever has failed, what was polled is kept
            await self._polling.stop()
            await _end(recording)
            lost = await self.recorder.close(DRAIN_SECONDS)
            self.judge.close()
        return lost

    @staticmethod
    def address(sock: socket.socket) -> str:
        """Where it is served."""
        host, port = sock.getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    async def reload(self) -> None:
        """Read the configuration again. Polls go on meanwhile; an unreadable one changes nothing."""
        async with self._reloading:
            self._notifier.reloading()
            try:
                config, policy = await asyncio.to_thread(self._load)
                self._refuse_without_token(config)
            except (PolicyError, OSError, ValueError) as exc:
                LOG.error("the configuration stays as it was: %s", exc)  # noqa: TRY400
            else:
                if (config.host, config.port, config.concurrency) != self._listening:
                    LOG.warning("listen and concurrency change with a restart only")
                self.config, self.policy = config, policy
                await self._polling.change(config.services)
                LOG.info("reloaded: polling %s", count(len(config.services), "service"))
            self._notifier.ready(self.status())

    def _refuse_without_token(self, config: SidecarConfig) -> None:
        """A new `listen` is not in effect: what is served is still the old one."""
        if not config.token and not is_loopback(self._listening[0]):
            raise PolicyError(f"without a token only loopback is served, not {self._listening[0]}")

    def status(self) -> str:
        """The state of everything in one line."""
        counts = self.board.counts()
        parts = [count(len(self.board.entries), "service")]
        parts += [f"{counts[state]} {state}" for state in sorted(counts)]
        parts.append(f"{count(self.recorder.written, 'poll')} kept")
        if self.recorder.waiting > 2 * max(len(self.board.entries), 1) or self.recorder.problem:
            parts.append(f"{self.recorder.waiting:,} waiting")
        if self.recorder.problem:
            parts.append(self.recorder.problem)
        return ", ".join(parts)

    def _after(self, entry: Entry, replaced: bool) -> None:
        """A poll was made: look at the whole service now and then, and right after an update."""
        if replaced:
            entry.standing = None  # of another image
            self._replaced.update({entry.config.name} & self._judging)
        if entry.canary is not None and not entry.failures:
            self._spawn(self._canaries.note(entry))
        due = replaced or time.monotonic() - entry.looked_at >= self.config.verdict_interval
        if due and not entry.failures and entry.config.name not in self._judging:
            self._look(entry)

    def _look(self, entry: Entry) -> None:
        self._judging.add(entry.config.name)
        self._replaced.discard(entry.config.name)
        entry.looked_at = time.monotonic()
        self._spawn(self._judge(entry))

    async def _judge(self, entry: Entry) -> None:
        config = entry.config
        try:
            report = await self.judge.standing(config)
        finally:
            self._judging.discard(config.name)
        if entry.config != config or config.name in self._replaced:
            # It is not known which of the two images answered what; a service that has left the configuration needs none.
            if self.board.entries.get(config.name) is entry:
                self._look(entry)
            return
        entry.standing = report
        entry.standing_at = time.time()
        entry.standing_until = entry.standing_at + STANDS * self.config.verdict_interval
        try:
            entry.rehearsed = await asyncio.to_thread(last_rehearsal, self.database, image_names(report))
        except StoreError as exc:
            LOG.warning("the last rehearsal of %s cannot be looked up: %s", config.name, exc)

    def _for_ever(self, work: Coroutine[Any, Any, None], stop: asyncio.Event) -> asyncio.Task[None]:
        """A task without which there is nothing to run for: when it fails, the sidecar ends, and says so."""

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled():
                self._ended(task)
                self.broken = True
                stop.set()

        task = asyncio.create_task(work)
        task.add_done_callback(ended)
        return task

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._side.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._side.discard(task)
        if not task.cancelled() and (exc := task.exception()) is not None:
            LOG.error("bug in hotgate: %s: %s", type(exc).__name__, exc)

    async def _show(self, show: Callable[[str], None] | None) -> None:
        pause = min(1.0, self._notifier.watchdog or 1.0)
        while True:
            await asyncio.sleep(pause)
            if self._notifier.watchdog is not None:
                self._notifier.alive(self.status())
            if show is not None:
                show(self.status())


async def _end(*tasks: asyncio.Task[None]) -> None:
    """Cancel `tasks`, and wait for them; what they failed with has been logged."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

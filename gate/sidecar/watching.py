"""Watches services that were updated, and says `rollback` when a rule of theirs fires."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from gate.store import samples
from gate.store.errors import StoreError
from gate.watch.judge import joined
from gate.watch.looking import look
from gate.watch.measure import Span
from gate.watch.outcome import REMEMBERED, iso, keep, outcomes, same, shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gate.sidecar.state.board import Board, Entry
    from gate.sidecar.state.images import Change
    from gate.store.database import Database
    from gate.watch.config import WatchConfig

LOG = logging.getLogger("hotgate.watch")
EVERY = 5.0
AT_ONCE = 8
"""Watches that look at the same time: a Prometheus may take its whole time to give no answer, which the others do not wait for."""

STANDS = 300.0
"""Seconds after the end of a watch, or as long as the watch was, for which its outcome is given to who does not say of which update."""


class Watching:
    """One watch for each service that has rules, from the update that was seen on."""

    def __init__(self, board: Board, database: Database) -> None:
        self._board = board
        self._database = database
        self._outcomes: dict[str, list[dict[str, Any]]] = {}
        """What the watches of a service ended in, the newest first."""
        self._looking: dict[str, asyncio.Lock] = {}

    async def run(self) -> None:
        """Look at every watch that is on, for ever; a look that is not over yet is not begun again."""
        slots = asyncio.Semaphore(AT_ONCE)
        under_way: set[str] = set()
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    await asyncio.sleep(EVERY)
                    for name, entry in self._board.entries.items():
                        if entry.config.watch is not None and entry.updated_at and name not in under_way:
                            under_way.add(name)
                            group.create_task(self._turn(entry, slots, under_way))
        except ExceptionGroup as bugs:
            raise bugs.exceptions[0] from bugs  # the log needs the one that it is

    async def _turn(self, entry: Entry, slots: asyncio.Semaphore, under_way: set[str]) -> None:
        name = entry.config.name
        try:
            async with slots:
                await self.latest(entry)
        except StoreError as exc:
            LOG.error("%s: the watch cannot look: %s", name, exc)  # noqa: TRY400
        finally:
            under_way.discard(name)

    async def state(self, entry: Entry, since: float | None = None) -> dict[str, Any]:
        """What the watch of an update says to the client that acts on it: `idle` for one that was not seen yet.

        Args:
            entry: the service.
            since: when the update was begun, in seconds since 1970: what an earlier one ended in is no answer. None for
                clients that cannot tell: to them an outcome is given for a while only.

        Raises:
            StoreError: the samples cannot be read, or an outcome could not be kept in the audit log.
        """
        found, config = await self.latest(entry), entry.config.watch
        if config is None or not entry.images.changes:
            return found
        name, change = entry.config.name, entry.images.changes[-1]
        if since is not None and change.seen < since:
            return shape(name, "idle", said=f"no update was seen since {iso(since)}")
        ended = change.since + config.within
        if since is None and time.time() > ended + max(config.within, STANDS):
            return shape(name, "idle", said=f"the watch of the update at {found['since']} has ended: {found['state']}")
        return found

    async def latest(self, entry: Entry) -> dict[str, Any]:
        """What the watch of the last update says, however long ago that was, and each of its rules.

        Raises:
            StoreError: as for `state`.
        """
        name, config = entry.config.name, entry.config.watch
        if config is None or not entry.images.changes:
            return shape(name, "idle", said="no rules are configured" if config is None else "no update was seen")
        async with self._looking.setdefault(name, asyncio.Lock()):
            if name not in self._outcomes:
                self._outcomes[name] = await asyncio.to_thread(self._kept, name)
            *before, change = entry.images.changes
            for earlier, later in zip(before, entry.images.changes[1:], strict=True):
                ran = later.since - earlier.since
                if self._outcome(entry, earlier) is None and ran < config.within:
                    said = f"another image took over {ran:.0f} s after the update"
                    found = shape(
                        name, "inconclusive", since=earlier.since, join=config.join, epoch=earlier.epoch, said=said
                    )
                    await self._end(entry, found)
            return self._outcome(entry, change) or await self._look(entry, config, change)

    def _kept(self, name: str) -> list[dict[str, Any]]:
        with self._database.read() as connection:
            key = samples.service_id(connection, name)
            return [] if key is None else outcomes(connection, key)

    def _outcome(self, entry: Entry, change: Change) -> dict[str, Any] | None:
        own = shape(entry.config.name, "idle", since=change.since, epoch=change.epoch)
        known = self._outcomes.get(entry.config.name, ())
        return next((each for each in known if same(each, own, _slack(entry))), None)

    async def _look(self, entry: Entry, config: WatchConfig, change: Change) -> dict[str, Any]:
        name, end = entry.config.name, change.since + config.within
        now = min(time.time(), end)
        rulings = await look(
            config, self._database, name, Span(self._trusted(entry, config.baseline), change.until, now)
        )
        state = joined(rulings, config.join, over=now >= end)
        found = shape(name, state, rulings, since=change.since, join=config.join, epoch=change.epoch)
        return found if state == "watching" else await self._end(entry, found)

    async def _end(self, entry: Entry, found: dict[str, Any]) -> dict[str, Any]:
        name = entry.config.name
        stands = await asyncio.to_thread(keep, self._database, name, found, slack=_slack(entry))
        self._outcomes[name] = [stands, *self._outcomes[name][: REMEMBERED - 1]]
        state = stands["state"]
        fired = "; ".join(each["said"] for each in stands["rules"] if each["fires"])
        level = logging.INFO if state == "clear" else logging.WARNING
        LOG.log(level, "%s: the watch ends: %s", name, ": ".join(filter(None, (state, fired or stands["said"]))))
        return stands

    def _trusted(self, entry: Entry, baseline: float) -> float:
        """Until when the image ran that the newest is compared with.

        One that was replaced while its watch was on, or was to be rolled back, is nothing to compare with, as long as the
        image before it ran within `baseline`: a bad one that its supervisor starts again would be measured by itself.
        """
        changes: Sequence[Change] = entry.images.changes
        at = len(changes) - 1
        while at > 0 and changes[at].since - changes[at - 1].since < baseline:
            outcome = self._outcome(entry, changes[at - 1])
            if outcome is not None and outcome["state"] == "clear":
                break
            at -= 1
        return changes[at].until


def _slack(entry: Entry) -> float:
    """Two sidecars see an update at the same poll, or one poll apart; outcomes have whole seconds."""
    return 2 * entry.config.interval + 1

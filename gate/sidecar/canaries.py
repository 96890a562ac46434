"""Puts the ends of canaries into the audit log, each once."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from gate.store.errors import StoreError
from gate.watch.canary import keep

if TYPE_CHECKING:
    from gate.sidecar.state.board import Entry
    from gate.store.database import Database
    from probes.live.goprobe.wire import CanaryStatus

LOG = logging.getLogger("hotgate.canary")

RECENT = 300.0
"""Seconds since its end for which a canary is recorded that no poll saw running: an older one was before this sidecar's time."""


class Canaries:
    """What was seen of the canaries of all services."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: dict[str, str] = {}
        """The epoch of each service's last canary whose end the log has."""
        self._seen: dict[str, str] = {}
        """The epoch of each service's last canary that ran when it was polled."""

    async def note(self, entry: Entry) -> None:
        """Look at what a poll said of a canary."""
        name, now = entry.config.name, entry.canary
        if now is None or not now.epoch:
            return
        if entry.canary_age is None:
            if self._seen.get(name) != now.epoch:
                self._seen[name] = now.epoch
                LOG.info("%s: a canary serves %.3g of the connections, epoch %s", name, now.share, now.epoch)
            return
        if self._kept.get(name) == now.epoch or (
            entry.canary_age > RECENT + 2 * entry.config.interval and self._seen.get(name) != now.epoch
        ):
            return
        await self._keep(name, now)

    async def _keep(self, name: str, now: CanaryStatus) -> None:
        self._kept[name] = now.epoch
        try:
            fresh = await asyncio.to_thread(keep, self._database, name, now)
        except StoreError as exc:
            self._kept.pop(name, None)  # the next poll tries again
            LOG.error("%s: the end of the canary cannot be kept: %s", name, exc)  # noqa: TRY400
            return
        if fresh:
            level = logging.INFO if now.state == "promoted" else logging.WARNING
            LOG.log(
                level, "%s: the canary %s: %s", name, "is promoted" if now.state == "promoted" else "ends", now.reason
            )

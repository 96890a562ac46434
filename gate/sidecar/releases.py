"""The releases of the services of this host, as the metrics and the pages show them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from gate.apply.errors import ApplyError
from gate.apply.overview import Overview, look
from gate.sidecar.verdicts.judge import Unanswerable

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.sidecar.config.model import SidecarConfig

LOG = logging.getLogger("hotgate.releases")
EVERY = 15.0


class HostReleases:
    """What was seen last of each service with a table [host.NAME], and a look at one."""

    def __init__(self, config: Callable[[], SidecarConfig]) -> None:
        self._config = config
        self.known: dict[str, Overview] = {}

    async def run(self) -> None:
        """Look at all of them now and then, for ever."""
        while True:
            hosts = self._config().hosts
            for name in list(hosts):
                try:
                    await self.look(name)
                except Unanswerable as exc:
                    LOG.warning("%s: %s", name, exc)
            self.known = {name: found for name, found in self.known.items() if name in hosts}
            await asyncio.sleep(EVERY)

    async def look(self, name: str) -> Overview:
        """What is on the host of a service.

        Raises:
            Unanswerable: it has no table, or its folder cannot be read.
        """
        host = self._config().hosts.get(name)
        if host is None:
            hint = f"its releases are brought to this host by `hotgate apply` where the file has a table [host.{name}]"
            raise Unanswerable(404, "no_releases", f"{name[:200]} has no releases on this host", hint=hint)
        try:
            found = await asyncio.to_thread(look, host)
        except (ApplyError, OSError) as exc:
            raise Unanswerable(422, "unreadable", str(exc), hint=getattr(exc, "hint", "")) from exc
        self.known[name] = found
        return found

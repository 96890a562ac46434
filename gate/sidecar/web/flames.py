"""Fetches what a flame graph is made of: the newest windows of a heartbeat, when the page is opened, and once each."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from gate.sidecar.web.flame import Flame, flame
from probes.errors import ProbeError
from probes.live.client import Client, Limits
from probes.live.pprof import endpoints

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gate.sidecar.config.model import ServiceConfig
    from probes.profile.facts import ProfileFacts

WINDOWS = 5
SECONDS = 3.0
"""For all of them: a person waits for the page."""

MAX_BYTES = 4 << 20
"""Of one window, once decompressed; a window of goprobe has some 50 kB."""

KEPT = 64
AT_ONCE = 2
AGAIN = 15.0
"""Seconds before windows that could not be had are asked for again."""


class Seen(Struct, frozen=True):
    """A graph, or why there is none."""

    flame: Flame | None
    problem: str
    made_at: float


class Flames:
    """Graphs by service. Who looks at the same time waits for the same answer; the last ones are kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[object, asyncio.Task[Seen]]] = OrderedDict()
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def of(self, service: ServiceConfig, windows: Sequence[Any]) -> Seen | None:
        """The graph of the newest of `windows` (rows of the store, oldest first); None when none has a sample."""
        whole = [row for row in windows if row.samples and row.state in ("ok", "short")]
        # Each image has functions of its own, and the graph is that of one: of the newest.
        mine = [row for row in whole if row.epoch == whole[-1].epoch]
        if not mine:
            return None
        wanted = tuple((row.epoch, row.seq) for row in mine[-WINDOWS:])
        key = (service, wanted)
        known = self._kept.get(service.name)
        if known is None or known[0] != key or _is_over(known[1]):
            known = key, asyncio.create_task(self._fetch(service, wanted))
            self._kept[service.name] = known
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)[1][1].cancel()
        self._kept.move_to_end(service.name)
        return await asyncio.shield(known[1])

    async def _fetch(self, service: ServiceConfig, wanted: tuple[tuple[str, int], ...]) -> Seen:
        problem = ""
        found: list[ProfileFacts] = []
        try:
            async with (
                asyncio.timeout(SECONDS),
                self._slots,
                Client(service.url, token=service.token, seconds=SECONDS, limits=Limits(profile=MAX_BYTES)) as client,
            ):
                for epoch, seq in reversed(wanted):
                    found.append(await _window(client, epoch, seq))
        except TimeoutError:
            problem = "no answer in time"
        except (ProbeError, RecursionError) as exc:
            problem = str(getattr(exc, "what", exc))
        graph = await asyncio.to_thread(flame, found) if found else None
        return Seen(graph, problem, time.monotonic())


async def _window(client: Client, epoch: str, seq: int) -> ProfileFacts:
    path = f"/debug/hotgate/heartbeat/{seq}"
    # The epoch comes from the service, and is a word of hex digits when it is goprobe's.
    path += f"?epoch={epoch}" if epoch.isalnum() and epoch.isascii() else ""
    return await endpoints.read_profile(client, path)


def _is_over(task: asyncio.Task[Seen]) -> bool:
    """Whether it failed, long enough ago to try again."""
    if not task.done():
        return False
    if task.cancelled() or task.exception() is not None:
        return True
    seen = task.result()
    return bool(seen.problem) and time.monotonic() - seen.made_at > AGAIN

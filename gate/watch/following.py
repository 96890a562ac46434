"""Follows a canary by what the service says of it, until it has ended."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from gate.watch.canary import OVER
from probes.errors import ProbeError
from probes.live.client import Client, Unreachable
from probes.live.goprobe import wire

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY = 1.0
STARTS = 60.0
"""Seconds within which a canary has to start: the trial of NEW comes before it."""

ENDS = 600.0
"""Seconds within which it has to end, beyond the time that it is to take: until NEW has drained, and has taken over."""

SILENT = 60.0
"""Seconds for which the service may not answer, as when the images change."""


class NoCanaryError(ProbeError):
    """There is no canary to follow."""


async def follow(
    url: str, token: str, seconds: float, say: Callable[[str], None], *, once: bool = False
) -> wire.CanaryStatus:
    """How the canary of the service at `url` ended; how it stands if only one look is taken (`once`).

    One that ended before is none, unless only one look is taken: it is waited for one that starts.

    Raises:
        NoCanaryError: none runs, and none has started in time, or it has not ended in time.
        ProbeError: the service does not answer, or not as goprobe does.
    """
    begun = answered = time.monotonic()
    before: str | None = None
    running: wire.CanaryStatus | None = None
    async with Client(url, token=token, seconds=seconds) as client:
        while True:
            try:
                found = (await client.ask("status", wire.Status)).canary
                answered = time.monotonic()
            except Unreachable:
                if once or time.monotonic() - answered > SILENT:
                    raise
                await asyncio.sleep(EVERY)
                continue
            if once and found is not None:
                return found
            if found is not None and found.state not in OVER:
                running = found
                say(line(found))
            elif found is not None and running is not None and found.epoch in (running.epoch, ""):
                return found
            elif found is not None and before not in (None, _key(found)):
                return found  # it came and went between two looks
            before = _key(found)
            _in_time(url, running, time.monotonic() - begun, once=once)
            await asyncio.sleep(EVERY)


def _key(canary: wire.CanaryStatus | None) -> str:
    return "" if canary is None else f"{canary.epoch} {canary.started_monotonic_ns}"


def _in_time(url: str, running: wire.CanaryStatus | None, seconds: float, *, once: bool) -> None:
    if running is None:
        if once or seconds > STARTS:
            hint = "start the update; its UpgradeOptions.Canary has to have a Share"
            raise NoCanaryError("no canary runs", subject=url, hint=hint)
    elif seconds > STARTS + running.for_ns / 1e9 + ENDS:
        raise NoCanaryError("the canary has not ended in its time", subject=url, hint="look at the service's log")


def line(now: wire.CanaryStatus) -> str:
    """Both sides in a line."""
    sides = (
        f"{name} {side.requests:,} requests, {side.failed:,} failed, {side.slow:,} of {side.timed:,} slow"
        for name, side in (("NEW", now.new), ("OLD", now.old))
    )
    return f"{now.state} at {now.share:.3g}: {'; '.join(sides)}"

"""CPU profiles of running services: windows that goprobe keeps, or new ones, of one service or of two in turns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from msgspec import Struct

from probes.errors import ProbeError
from probes.live.client import MAX_PROFILE, Client, Refused, refused
from probes.live.goprobe import topics as from_goprobe
from probes.live.goprobe import wire
from probes.live.pprof.endpoints import TAKEN
from probes.live.topics import HeartbeatFacts
from probes.profile.facts import ProfileFacts
from probes.profile.pprof.reading import read

MAX_WINDOWS = 200
MAX_SECONDS = 300.0
TRIES = 5
PAUSE = 2.0


class Heartbeat(Struct, frozen=True):
    """A service's heartbeat and the profiles that it still has, oldest first."""

    facts: HeartbeatFacts
    profiles: tuple[ProfileFacts, ...]


async def heartbeat(url: str, token: str, seconds: float) -> Heartbeat:
    """What goprobe keeps.

    Raises:
        ProbeError: no answer, no goprobe, or a profile that is none.
    """
    async with Client(url, token=token, seconds=seconds) as client:
        answer = await client.ask("heartbeat", wire.HeartbeatAnswer)
        kept = [each for each in answer.windows if each.state in ("ok", "short") and each.bytes][-MAX_WINDOWS:]
        found = []
        for each in kept:
            response = await client.get(
                f"/debug/hotgate/heartbeat/{each.seq}?epoch={each.epoch}", limit=MAX_PROFILE, retry=False
            )
            if response.status == 404:
                continue  # the ring has moved on
            if response.status != 200:
                raise refused(response)
            found.append(read(response.body, subject=response.url))
        return Heartbeat(from_goprobe.kept_windows(answer), tuple(found))


async def in_turns(
    urls: Sequence[str], token: str, *, windows: int, length: float, say: Callable[[str], None] | None = None
) -> list[list[ProfileFacts]]:
    """`windows` CPU profiles of `length` seconds of each service, in turns: what drifts drifts for both alike.

    A service whose profiler is taken is asked again later, never more than `TRIES` times.

    Raises:
        ProbeError: a service does not answer, or its profiler stays taken.
    """
    found: list[list[ProfileFacts]] = [[] for _ in urls]
    for number in range(windows):
        if say is not None:
            say(f"window {number + 1} of {windows}, {length:g} s each")
        for place, url in enumerate(urls):
            found[place].append(await _window(url, token, length))
    return found


async def _window(url: str, token: str, length: float) -> ProfileFacts:
    path = f"/debug/pprof/profile?seconds={max(1, round(length))}"
    for attempt in range(TRIES):
        async with Client(url, token=token) as client:
            response = await client.get(path, limit=MAX_PROFILE, seconds=length + client.seconds, retry=False)
        if response.status == 200:
            return read(response.body, subject=response.url)
        problem: Refused = refused(response)
        if TAKEN not in response.text() or attempt + 1 == TRIES:
            raise problem
        await asyncio.sleep(PAUSE * 2**attempt)
    raise ProbeError("its profiler stays taken", subject=url)

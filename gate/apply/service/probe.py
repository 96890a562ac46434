"""What the service itself tells over HTTP during an update: whether it is ready, what its goprobe says, what it counts."""

from __future__ import annotations

import asyncio
import http.client
import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct

from probes.errors import ProbeError
from probes.live.client import Client
from probes.live.goprobe import wire
from probes.live.pprof.endpoints import read_variables

if TYPE_CHECKING:
    from collections.abc import Collection

SECONDS = 2.0
"""For one request: it is asked again and again."""
MAX_REASON = 300


class Said(Struct, frozen=True):
    """What goprobe says of its image and of its last update. `at`: when that entered its state."""

    epoch: str
    generation: int
    state: str
    at: str
    code: str
    reason: str


def is_ready(address: str) -> bool:
    """Whether a GET of `address`, which is on this host, is answered with 2xx or 3xx."""
    url = urlsplit(address)
    connection = http.client.HTTPConnection(url.hostname or "127.0.0.1", url.port or 80, timeout=SECONDS)
    try:
        connection.request(
            "GET", (url.path or "/") + (f"?{url.query}" if url.query else ""), headers={"Connection": "close"}
        )
        return 200 <= connection.getresponse().status < 400
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()


def ask(url: str, token: str) -> Said | None:
    """What goprobe says; None where there is none, or no answer now."""

    async def status() -> wire.Status:
        async with Client(url, token=token, seconds=SECONDS) as client:
            return await client.ask("status", wire.Status)

    try:
        found = asyncio.run(status())
    except (ProbeError, RecursionError, ValueError):
        return None
    first = next(iter(found.update.refused), None)
    return Said(
        found.image.epoch,
        found.image.generation,
        found.update.state,
        found.update.at,
        "" if first is None else first.code,
        "" if first is None else first.message[:MAX_REASON],
    )


def counters(url: str, token: str, names: Collection[str]) -> str | None:
    """The values of expvar variables, as the samples of a watch have them: JSON; None where they cannot be read."""

    async def variables() -> dict[str, object]:
        async with Client(url, token=token, seconds=SECONDS) as client:
            return await read_variables(client)

    try:
        found = asyncio.run(variables())
    except (ProbeError, RecursionError, ValueError):
        return None
    return json.dumps({name: found[name] for name in names if _is_number(found.get(name))})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e300 < value < 1e300

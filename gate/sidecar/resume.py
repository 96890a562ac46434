"""What the sidecar before this one saw of updates: a restart must not end a rollback watch."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from gate.store import samples
from probes.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gate.sidecar.config import ServiceConfig
    from gate.store.database import Database

HORIZON = 3600.0
"""Seconds of history that are looked through, unless a watch is longer."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """The epoch of the image that was seen last, and when a service was last seen to go over to one; "" and 0 for unknown."""

    image: str = ""
    updated_at: float = 0.0


def remembered(database: Database, services: Iterable[ServiceConfig], now: float) -> dict[str, Remembered]:
    """What the store knows of the images of `services`, by name; `now` in seconds since 1970.

    Raises:
        StoreError: it cannot be read.
    """
    found: dict[str, Remembered] = {}
    with database.read() as connection:
        for each in services:
            key = samples.service_id(connection, each.name)
            within = HORIZON if each.watch is None else max(HORIZON, each.watch.within)
            rows = [] if key is None else samples.images_since(connection, key, int((now - within) * 1000))
            changed = [at for (_, before), (at, after) in pairwise(rows) if before != after]
            if rows:
                found[each.name] = Remembered(rows[-1][1], changed[-1] / 1000 if changed else 0.0)
    return found

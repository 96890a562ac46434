"""What the sidecar before this one saw of updates: a restart must not end a rollback watch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gate.sidecar.state.images import Images, Sight
from gate.store import samples

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gate.sidecar.config.model import ServiceConfig
    from gate.store.database import Database

HORIZON = 3600.0
"""Seconds of history that are looked through, unless a watch is longer."""


def remembered(database: Database, services: Iterable[ServiceConfig], now: float) -> dict[str, Images]:
    """What the store knows of the images of `services`, by name; `now` in seconds since 1970.

    Raises:
        StoreError: it cannot be read.
    """
    found: dict[str, Images] = {}
    with database.read() as connection:
        for each in services:
            key = samples.service_id(connection, each.name)
            within = HORIZON if each.watch is None else max(HORIZON, each.watch.within + each.watch.baseline)
            rows = [] if key is None else samples.images_since(connection, key, int((now - within) * 1000))
            found[each.name] = Images()
            for row in rows:
                found[each.name].see(Sight(*row))
    return found

"""Samples and windows: written in batches, once each, and read back for pages and watches."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec import to_builtins
from sqlalchemy import and_, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gate.store.tables import SAMPLES, SERVICES, WINDOWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from sqlalchemy import Connection, Row, Table

    from gate.store.database import Database
    from gate.store.polled import Polled
    from probes.profile.heartbeat.window import HeartbeatWindow

ANSWERED = ("ok", "partial")
MAX_INT = (1 << 31) - 1
MAX_BIGINT = (1 << 63) - 1


def service_ids(database: Database, services: Iterable[tuple[str, str]]) -> dict[str, int]:
    """The keys of services by name; `services` are names and URLs. Those that are new are added.

    One whose URL is another than the store's gets it; "" leaves what is there.

    Raises:
        StoreError: the store failed.
    """
    wanted = dict(services)
    now = int(time.time() * 1000)
    with database.write() as connection:
        if wanted:
            rows = [{"name": name, "url": url, "first_seen_ms": now} for name, url in sorted(wanted.items())]
            _insert_new(connection, SERVICES, rows)
        found = connection.execute(select(SERVICES.c.name, SERVICES.c.id, SERVICES.c.url)).all()
        # By name, as all who write do: two that change the same rows cannot wait for each other.
        for name, key, url in sorted(row for row in found if wanted.get(row[0])):
            if url != wanted[name]:
                connection.execute(update(SERVICES).where(SERVICES.c.id == key).values(url=wanted[name]))
    return {name: key for name, key, _ in found if name in wanted}


def write(database: Database, polled: Sequence[Polled], ids: dict[str, int]) -> None:
    """Keep `polled`, whose services `ids` has. What is there already stays as it is, so that writing again is no harm.

    Only a poll that was answered takes the place of one that was not: of two sidecars, one may be cut off from a service.

    Raises:
        StoreError: nothing of it was kept.
    """
    samples: dict[tuple[int, int], dict[str, Any]] = {}
    windows: dict[tuple[int, str, int], dict[str, Any]] = {}
    for each in polled:
        row = to_builtins(each.sample)
        key = ids[row.pop("service")]
        # A clock that was set by weeks must not make PostgreSQL refuse the batch, again and again.
        row |= {name: max(-MAX_INT, min(row[name], MAX_INT)) for name in ("late_ms", "took_ms")}
        place = key, row["due_ms"]
        if place not in samples or (row["state"] in ANSWERED and samples[place]["state"] not in ANSWERED):
            samples[place] = row | {"service_id": key}
        for window in each.windows:
            windows[key, window.epoch, window.seq] = _window(key, window)
    with database.write() as connection:
        # One order for all who write: two batches that lock the same keys cannot wait for each other.
        _insert_answered(connection, [samples[place] for place in sorted(samples)])
        _insert_new(connection, WINDOWS, [windows[key] for key in sorted(windows)])


def _window(key: int, window: HeartbeatWindow) -> dict[str, Any]:
    return {
        "service_id": key,
        "epoch": window.epoch.replace("\0", "")[:64],
        "seq": min(window.seq, MAX_BIGINT),
        "generation": min(window.generation, MAX_BIGINT),
        "wall_ms": int(window.wall * 1000),
        "start_ns": window.start_ns,
        "end_ns": window.end_ns,
        "rate_hz": min(window.rate_hz, MAX_INT),
        "samples": min(window.samples, MAX_BIGINT),
        "cpu_seconds": window.cpu_seconds,
        "state": window.state[:16],
        "reason": window.reason.replace("\0", "")[:300],
    }


def _insert_new(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    connection.execute(make(table).on_conflict_do_nothing(), rows)


def _insert_answered(connection: Connection, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    make = (sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert)(SAMPLES)
    new = make.excluded
    keys = [column.name for column in SAMPLES.primary_key]
    values = {column.name: new[column.name] for column in SAMPLES.c if column.name not in keys}
    # Without IN, whose lists executemany does not take.
    better = or_(*(new.state == each for each in ANSWERED)) & and_(*(SAMPLES.c.state != each for each in ANSWERED))
    connection.execute(make.on_conflict_do_update(index_elements=keys, set_=values, where=better), rows)


def service_id(connection: Connection, name: str) -> int | None:
    """The key of a service; None when the store does not know it."""
    return connection.execute(select(SERVICES.c.id).where(SERVICES.c.name == name)).scalar()


def samples_since(connection: Connection, key: int, since_ms: int, limit: int = 10_000) -> list[Row[Any]]:
    """The samples of a service from `since_ms` on, oldest first; the newest `limit` of them."""
    wanted = select(SAMPLES).where(SAMPLES.c.service_id == key, SAMPLES.c.due_ms >= since_ms)
    return list(reversed(connection.execute(wanted.order_by(SAMPLES.c.due_ms.desc()).limit(limit)).all()))


def images_since(connection: Connection, key: int, since_ms: int) -> list[tuple[int, int, int, str, str]]:
    """(due_ms, late_ms, took_ms, source, epoch) of the samples that name an image, from `since_ms` on, and of the last before."""
    wanted = SAMPLES.c.due_ms, SAMPLES.c.late_ms, SAMPLES.c.took_ms, SAMPLES.c.source, SAMPLES.c.epoch
    named = select(*wanted).where(SAMPLES.c.service_id == key, SAMPLES.c.epoch != "")
    before = named.where(SAMPLES.c.due_ms < since_ms).order_by(SAMPLES.c.due_ms.desc()).limit(1)
    after = named.where(SAMPLES.c.due_ms >= since_ms).order_by(SAMPLES.c.due_ms)
    return [tuple(row) for each in (before, after) for row in connection.execute(each)]


def newest_windows(connection: Connection, key: int, limit: int) -> list[Row[Any]]:
    """The newest windows of a service, oldest first."""
    wanted = select(WINDOWS).where(WINDOWS.c.service_id == key)
    found = connection.execute(wanted.order_by(WINDOWS.c.wall_ms.desc(), WINDOWS.c.seq.desc()).limit(limit)).all()
    return list(reversed(found))

"""How much is kept: by age and by size. The audit log is never shortened."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct
from sqlalchemy import delete, func, select, text

from gate.store.audit import last_head
from gate.store.tables import AUDIT, SAMPLES, SERVICES, VERDICTS, WINDOWS

if TYPE_CHECKING:
    from sqlalchemy import Column, Connection, Table

    from gate.store.database import Database

CHUNK_MS = 3_600_000
"""Of history that one transaction deletes: between two, samples can be written."""

SAMPLED = 500
"""Rows that the mean size of a row is taken of."""

AUDIT_ROW = 220
"""Bytes of a record of the audit log beside its body: two hashes, the time, the number, and SQLite's own."""

AGING: tuple[tuple[Table, Column[int]], ...] = (
    (SAMPLES, SAMPLES.c.due_ms),
    (WINDOWS, WINDOWS.c.wall_ms),
    (VERDICTS, VERDICTS.c.at_ms),
)


class Retention(Struct, frozen=True):
    """`seconds` and `size` (bytes) of history; None for no limit."""

    seconds: float | None = None
    size: int | None = None


def trim(database: Database, limits: Retention, *, now: float | None = None) -> int:
    """Forget what is older or more than `limits` say; how many rows are gone.

    Raises:
        StoreError: the store failed; what was deleted so far is gone.
    """
    gone = 0
    if limits.seconds is not None:
        gone += _before(database, int(((time.time() if now is None else now) - limits.seconds) * 1000))
    while limits.size is not None and (used := used_bytes(database)) > limits.size:
        with database.read() as connection:
            oldest = _oldest(connection)
        if oldest is None:
            break
        # At least the share that is too much, of the span that is kept; the loop looks again.
        newest = int(time.time() * 1000) if now is None else int(now * 1000)
        share = min(1.0, (used - limits.size) / used)
        gone += _before(database, oldest + max(1000, int((newest - oldest) * share)))
    if gone and database.is_sqlite:
        with database.outside() as connection:
            # The pragma frees one page a step, and only a script is stepped to its end (sqlite3's execute steps once).
            driver = connection.connection.driver_connection
            if driver is not None:
                driver.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)")
    return gone


def used_bytes(database: Database) -> int:
    """What samples, windows and reports take, without what was freed: pages of SQLite, rows by their mean size in PostgreSQL."""
    with database.read() as connection:
        if database.is_sqlite:
            pages, free, size = (
                connection.execute(text(f"PRAGMA {name}")).scalar_one()
                for name in ("page_count", "freelist_count", "page_size")
            )
            # The log of verdicts is never shortened: what it takes must not cost the samples their place.
            log = connection.execute(select(func.sum(func.length(AUDIT.c.body) + AUDIT_ROW))).scalar() or 0
            return max(0, int((pages - free) * size) - int(log))
        return sum(_row_bytes(connection, table) for table, _ in AGING)


def _row_bytes(connection: Connection, table: Table) -> int:
    rows = connection.execute(select(func.count()).select_from(table)).scalar_one()
    mean = connection.execute(
        text(f"SELECT avg(pg_column_size(t.*)) FROM (SELECT * FROM {table.name} LIMIT {SAMPLED}) t")  # noqa: S608 - our own names
    ).scalar()
    return int(rows * float(mean or 0))


def _oldest(connection: Connection) -> int | None:
    found = [connection.execute(select(func.min(moment))).scalar() for _, moment in AGING]
    return min((each for each in found if each is not None), default=None)


def _before(database: Database, end_ms: int) -> int:
    """Delete everything before `end_ms`, an hour of history at a time."""
    gone = 0
    for table, moment in AGING:
        with database.read() as connection:
            oldest = connection.execute(select(func.min(moment))).scalar()
        while oldest is not None and oldest < end_ms:
            stop = min(end_ms, oldest + CHUNK_MS)
            with database.write() as connection:
                gone += connection.execute(delete(table).where(moment < stop)).rowcount
                oldest = connection.execute(select(func.min(moment))).scalar()
    return gone


def describe(database: Database) -> list[tuple[str, str]]:
    """What the store holds, in words."""
    size = used_bytes(database)
    with database.read() as connection:
        rows = [("store", database.name), ("size", f"{size / 1e6:,.1f} MB")]
        services = connection.execute(select(func.count()).select_from(SERVICES)).scalar_one()
        rows.append(("services", f"{services:,}"))
        for table, moment in AGING:
            number, oldest = connection.execute(select(func.count(), func.min(moment)).select_from(table)).one()
            since = f" since {datetime.fromtimestamp(oldest / 1000, UTC):%Y-%m-%d %H:%M}" if oldest is not None else ""
            rows.append((table.name, f"{number:,}{since}"))
        total = connection.execute(select(func.count()).select_from(AUDIT)).scalar_one()
        rows.append(("audit", f"{total:,}, head {last_head(connection)}"))
    return rows


def integrity(database: Database) -> list[str]:
    """What SQLite's own check of every page and index finds. PostgreSQL's pages are its own business: every row is read.

    Raises:
        StoreError: reading failed.
    """
    with database.read() as connection:
        if database.is_sqlite:
            found = [str(row[0]) for row in connection.execute(text("PRAGMA integrity_check(20)"))]
            return [] if found == ["ok"] else found
        for table, _ in AGING:
            connection.execute(text(f"SELECT count(t.*::text) FROM {table.name} t")).all()  # noqa: S608 - our own names
        return []

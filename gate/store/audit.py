"""The audit log in the store: appended under a lock, committed before anything is acknowledged."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from gate.store.chain import EMPTY, Head, Record, link
from gate.store.failures import failure
from gate.store.tables import AUDIT, AUDIT_HEAD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Row

    from gate.store.database import Database

BATCH = 500


def append(
    database: Database,
    body: str,
    *,
    beside: Callable[[Connection, Record], None] | None = None,
    at: datetime | None = None,
) -> Record:
    """Append one record, and have it on the disk when this returns.

    Args:
        database: the store.
        body: canonical JSON.
        beside: writes what belongs to the record into the same transaction.
        at: now unless given.

    Raises:
        StoreError: it was not appended.
    """
    with database.write() as connection:
        # The lock on this row puts all who append in a line; SQLite's BEGIN IMMEDIATE has done so already.
        row = connection.execute(select(AUDIT_HEAD).where(AUDIT_HEAD.c.id == 1).with_for_update()).first()
        if row is None:
            raise failure("corrupt", database.name, "the head of its audit log is gone")
        moment = (at or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        record = link(Head(row.seq, row.hash), moment, body)
        values = {"seq": record.seq, "at": record.at, "body": record.body, "prev": record.prev, "hash": record.hash}
        connection.execute(insert(AUDIT).values(values))
        connection.execute(update(AUDIT_HEAD).where(AUDIT_HEAD.c.id == 1).values(seq=record.seq, hash=record.hash))
        if beside is not None:
            beside(connection, record)
    return record


def stored_head(connection: Connection) -> Head | None:
    """The head that the store keeps; None when it is gone."""
    row = connection.execute(select(AUDIT_HEAD).where(AUDIT_HEAD.c.id == 1)).first()
    return None if row is None else Head(_number(row.seq), str(row.hash))


def last_head(connection: Connection) -> Head:
    """The last record's number and hash."""
    row = connection.execute(select(AUDIT.c.seq, AUDIT.c.hash).order_by(AUDIT.c.seq.desc()).limit(1)).first()
    return EMPTY if row is None else Head(_number(row.seq), str(row.hash))


def records(connection: Connection, *, after: int = -(1 << 62)) -> Iterator[Record]:
    """All records from the one after `after` on, by number."""
    while True:
        rows = connection.execute(select(AUDIT).where(AUDIT.c.seq > after).order_by(AUDIT.c.seq).limit(BATCH)).all()
        yield from map(_record, rows)
        if len(rows) < BATCH:
            return
        after = rows[-1].seq


def newest(connection: Connection, limit: int) -> list[Record]:
    """The last `limit` records, newest first."""
    return list(map(_record, connection.execute(select(AUDIT).order_by(AUDIT.c.seq.desc()).limit(limit))))


def find(connection: Connection, seq: int) -> Record | None:
    """The record with that number; None when there is none."""
    row = connection.execute(select(AUDIT).where(AUDIT.c.seq == seq)).first()
    return None if row is None else _record(row)


def _record(row: Row[tuple[int, str, str, str, str]]) -> Record:
    # SQLite stores values of any type in any column: what is no longer text must not pass for it.
    return Record(_number(row.seq), *(value if isinstance(value, str) else repr(value) for value in tuple(row)[1:]))


def _number(value: object) -> int:
    return value if isinstance(value, int) else -1

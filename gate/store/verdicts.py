"""Verdicts: the record in the audit log and the report beside it, in one transaction."""

from __future__ import annotations

import json
import zlib
from datetime import datetime
from typing import TYPE_CHECKING, overload

from msgspec import Struct
from sqlalchemy import insert, select

from gate.store.audit import append
from gate.store.chain import Problem
from gate.store.entry import sha256
from gate.store.errors import StoreError
from gate.store.failures import HINTS
from gate.store.tables import AUDIT, VERDICTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from gate.store.chain import Record
    from gate.store.database import Database
    from gate.store.entry import Entry, Kind

MAX_REPORT = 64 << 20


class Kept(Struct, frozen=True):
    """A verdict from the store. `report` is JSON text."""

    audit_seq: int
    at_ms: int
    kind: str
    verdict: str
    exit_code: int
    report: str


class _KnownError(Exception):
    """What was to be appended is there."""


@overload
def keep(database: Database, entry: Entry, *, service_id: int | None = ...) -> Record: ...
@overload
def keep(
    database: Database, entry: Entry, *, service_id: int | None = ..., unless: Callable[[Connection], bool]
) -> Record | None: ...
def keep(
    database: Database,
    entry: Entry,
    *,
    service_id: int | None = None,
    unless: Callable[[Connection], bool] | None = None,
) -> Record | None:
    """Append `entry` to the audit log and keep its report; both are on the disk when this returns.

    `unless` is called while no other process can append: when it returns true, nothing is appended, and None returned.

    Raises:
        StoreError: neither is.
    """

    def beside(connection: Connection, record: Record) -> None:
        if unless is not None and unless(connection):
            raise _KnownError
        values = {
            "audit_seq": record.seq,
            "service_id": service_id,
            "at_ms": int(datetime.fromisoformat(record.at).timestamp() * 1000),
            "kind": entry.kind,
            "verdict": entry.verdict,
            "exit_code": entry.exit_code,
            "report": zlib.compress(entry.report.encode("ascii"), 6),
        }
        connection.execute(insert(VERDICTS).values(values))

    try:
        return append(database, entry.body, beside=beside)
    except _KnownError:
        return None


def latest(connection: Connection, service_id: int) -> Kept | None:
    """The newest verdict on a service; None when there is none."""
    found = newest(connection, service_id, None, 1)
    return found[0] if found else None


def newest(connection: Connection, service_id: int, kind: Kind | None, limit: int) -> list[Kept]:
    """The newest verdicts on a service, of one kind unless that is None, the newest first."""
    wanted = select(VERDICTS).where(VERDICTS.c.service_id == service_id)
    if kind is not None:
        wanted = wanted.where(VERDICTS.c.kind == kind)
    rows = connection.execute(wanted.order_by(VERDICTS.c.at_ms.desc(), VERDICTS.c.audit_seq.desc()).limit(limit))
    return [Kept(row.audit_seq, row.at_ms, row.kind, row.verdict, row.exit_code, _unpack(row.report)) for row in rows]


def disagreements(connection: Connection) -> Iterator[Problem]:
    """Verdicts and reports that are not those that the audit log has. What retention has taken is no problem."""
    pairs = select(VERDICTS, AUDIT.c.body).outerjoin(AUDIT, AUDIT.c.seq == VERDICTS.c.audit_seq)
    for seq in connection.execute(select(VERDICTS.c.audit_seq).order_by(VERDICTS.c.audit_seq)).scalars().all():
        row = connection.execute(pairs.where(VERDICTS.c.audit_seq == seq)).one()  # one at a time: reports are large
        try:
            said = json.loads(row.body)
            same = (row.verdict, row.exit_code, row.kind) == (said["verdict"], said["exit_code"], said["kind"])
            same &= sha256(_unpack(row.report).encode("ascii")) == said["report_sha256"]
        except (StoreError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            same = False
        if not same:
            yield Problem(seq, f"the verdict or the report beside record {seq} is not the one that was recorded")


def report_of(connection: Connection, audit_seq: int) -> str | None:
    """The JSON report beside a record of the audit log; None when there is none, or none any more."""
    row = connection.execute(select(VERDICTS.c.report).where(VERDICTS.c.audit_seq == audit_seq)).first()
    return None if row is None else _unpack(row.report)


def _unpack(data: bytes) -> str:
    try:
        return zlib.decompressobj().decompress(data, MAX_REPORT).decode("ascii")
    except (zlib.error, ValueError) as exc:
        raise StoreError("corrupt", "a report in the store is damaged", hint=HINTS["corrupt"]) from exc

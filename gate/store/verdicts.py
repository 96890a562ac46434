"""Verdicts: the record in the audit log and the report beside it, in one transaction."""

from __future__ import annotations

import zlib
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from gate.store.audit import append
from gate.store.errors import StoreError
from gate.store.failures import HINTS
from gate.store.tables import VERDICTS
from probes.records import dataclass

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gate.store.chain import Record
    from gate.store.database import Database
    from gate.store.entry import Entry

MAX_REPORT = 64 << 20


@dataclass(frozen=True, slots=True)
class Kept:
    """A verdict from the store. `report` is JSON text."""

    audit_seq: int
    at_ms: int
    kind: str
    verdict: str
    exit_code: int
    report: str


def keep(database: Database, entry: Entry, *, service_id: int | None = None) -> Record:
    """Append `entry` to the audit log and keep its report; both are on the disk when this returns.

    Raises:
        StoreError: neither is.
    """

    def beside(connection: Connection, record: Record) -> None:
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

    return append(database, entry.body, beside=beside)


def latest(connection: Connection, service_id: int) -> Kept | None:
    """The newest verdict on a service; None when there is none."""
    wanted = select(VERDICTS).where(VERDICTS.c.service_id == service_id)
    row = connection.execute(wanted.order_by(VERDICTS.c.at_ms.desc(), VERDICTS.c.audit_seq.desc()).limit(1)).first()
    if row is None:
        return None
    return Kept(row.audit_seq, row.at_ms, row.kind, row.verdict, row.exit_code, _unpack(row.report))


def report_of(connection: Connection, audit_seq: int) -> str | None:
    """The JSON report beside a record of the audit log; None when there is none, or none any more."""
    row = connection.execute(select(VERDICTS.c.report).where(VERDICTS.c.audit_seq == audit_seq)).first()
    return None if row is None else _unpack(row.report)


def _unpack(data: bytes) -> str:
    try:
        return zlib.decompressobj().decompress(data, MAX_REPORT).decode("ascii")
    except (zlib.error, ValueError) as exc:
        raise StoreError("corrupt", "a report in the store is damaged", hint=HINTS["corrupt"]) from exc

"""Rehearsals in the audit log: of which two files, when, and with what verdict."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from sqlalchemy import select

from gate.store.tables import AUDIT, VERDICTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

KIND = "rehearse"
MOST = 10_000
"""Records that are looked through."""


class Rehearsed(Struct, frozen=True):
    """One rehearsal. `old` and `new` are SHA-256 of the files; `at_ms` since 1970; `subject` for people; `build_ids` of both files."""

    seq: int
    at_ms: int
    verdict: str
    old: str
    new: str
    subject: str
    build_ids: tuple[str, ...] = ()


def newest(connection: Connection, limit: int) -> list[Rehearsed]:
    """The newest rehearsals, the newest first."""
    return [each for _, each in zip(range(limit), _all(connection), strict=False)]


def last_of(connection: Connection, old: str, new: str) -> Rehearsed | None:
    """The last rehearsal of this very pair, by the digests of the files; None when there is none."""
    return next((each for each in _all(connection) if (each.old, each.new) == (old, new)), None)


def last_with(connection: Connection, names: frozenset[str]) -> Rehearsed | None:
    """The last rehearsal in which a file was OLD or NEW that has one of `names` as its SHA-256 or build ID; None when there is none."""
    return next((each for each in _all(connection) if names & {each.old, each.new, *each.build_ids}), None)


def _all(connection: Connection) -> Iterator[Rehearsed]:
    pairs = select(VERDICTS.c.audit_seq, VERDICTS.c.at_ms, VERDICTS.c.verdict, AUDIT.c.body)
    pairs = pairs.join(AUDIT, AUDIT.c.seq == VERDICTS.c.audit_seq).where(VERDICTS.c.kind == KIND)
    for row in connection.execute(pairs.order_by(VERDICTS.c.audit_seq.desc()).limit(MOST)):
        try:
            body: Any = json.loads(row.body)
            sides = [body["inputs"][side] for side in ("old", "new")]
            old, new = (str(side["sha256"]) for side in sides)
            built = tuple(str(side["build_id"]) for side in sides if side["build_id"])
            subject = str(body["subject"])
        except (ValueError, KeyError, TypeError, RecursionError):
            continue  # `hotgate audit verify` says what is wrong with it
        yield Rehearsed(row.audit_seq, row.at_ms, row.verdict, old, new, subject, built)

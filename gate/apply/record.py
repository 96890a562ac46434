"""What an operation does, written down before it begins and after it ends: in the host's journal, and in the store's audit log."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from gate import __version__
from gate.apply.errors import ApplyError
from gate.apply.host.journal import OPERATION, Journal, Line
from gate.report.models.reproducible import text
from gate.store import audit, samples, verdicts
from gate.store.chain import Head, canonical
from gate.store.entry import Entry, sha256
from gate.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.store.chain import Record
    from gate.store.database import Database

    Listener = Callable[[dict[str, Any]], None]

OperationKind = Literal["apply", "rollback"]
SCHEMA_VERSION = "1"
LOOKED_THROUGH = 2000
"""Newest records of the audit log that are searched for those of an operation."""


class Recorder:
    """Writes the events of one operation.

    Until `essential` is set to False, what cannot be written down is not done. After the switch it is: a full disk must
    not keep a service from its way back, and the store gets what it lacks from the journal at the next operation.
    """

    def __init__(  # noqa: PLR0913 - what an event is written with
        self,
        name: str,
        kind: OperationKind,
        journal: Journal,
        database: Database,
        listener: Listener,
        *,
        operation: str = "",
    ) -> None:
        self.name, self.kind = name, kind
        self.operation = operation or uuid.uuid4().hex[:16]
        self.essential = True
        self.problem = ""
        """Why something could not be written down; "" for nothing."""
        self.warnings: list[str] = []
        """What a person should look after, though nothing failed."""
        self.seconds: dict[str, float] = {}
        """How long each stage that has ended took."""
        self._journal, self._database, self._listener = journal, database, listener
        self._number = len([line for line in journal.lines() if line.operation == self.operation])
        self._begun: dict[str, float] = {}
        self._clock = time.monotonic()

    def begin(self, stage: str, **facts: Any) -> None:
        """A stage begins."""
        self._begun[stage] = time.monotonic()
        self._write(stage, "begin", facts)

    def end(self, stage: str, **facts: Any) -> None:
        """A stage has ended."""
        seconds = round(time.monotonic() - self._begun.get(stage, self._clock), 3)
        self.seconds[stage] = seconds
        self._write(stage, "end", {"seconds": seconds, **facts})

    def note(self, stage: str, said: str) -> None:
        """Something that a person should know."""
        self._write(stage, "note", {"said": said})

    def warn(self, stage: str, said: str) -> None:
        """Something that a person should look after."""
        self.warnings.append(said)
        self.note(stage, said)

    def _write(self, stage: str, event: str, facts: dict[str, Any]) -> None:
        self._number += 1
        plain: dict[str, Any] = json.loads(json.dumps(facts, default=str))
        line = Line(self.operation, self._number, _now(), self.kind, stage, event, _clean(plain))
        try:
            self._journal.append(line)
        except OSError as exc:
            said = f"the journal cannot be written ({exc.strerror}): {self._journal.path}"
            self._failed(ApplyError(said, hint="free some space, or let hotgate write there; nothing has changed"))
        try:
            audit.append(self._database, body_of(self.name, line))
        except StoreError as exc:
            self._failed(exc)
        self._listener(shown(self.name, line))

    def _failed(self, exc: ApplyError | StoreError) -> None:
        if self.essential:
            raise exc
        self.problem = str(exc)

    def keep(self, verdict: str, exit_code: int, report: dict[str, Any]) -> Record | None:
        """Put what the operation ended in into the store, with the record that stands for it; None where it does not take it."""
        written = json.dumps(_clean(report), indent=2, ensure_ascii=True) + "\n"
        body = {
            "schema_version": SCHEMA_VERSION,
            "kind": self.kind,
            "subject": self.name,
            "verdict": verdict,
            "exit_code": exit_code,
            "hotgate": __version__,
            "operation": self.operation,
            "report_sha256": sha256(written.encode("ascii")),
        }
        try:
            key = samples.service_ids(self._database, [(self.name, "")])[self.name]
            entry = Entry(self.kind, self.name, verdict, exit_code, canonical(body), written)
            return verdicts.keep(self._database, entry, service_id=key)
        except StoreError as exc:
            self._failed(exc)
            return None

    def keep_check(self, entry: Entry) -> Head | None:
        """Put the gate's verdict into the store; None where it does not take it, and that is no reason to stop."""
        try:
            key = samples.service_ids(self._database, [(self.name, "")])[self.name]
            record = verdicts.keep(self._database, entry, service_id=key)
        except StoreError as exc:
            self._failed(exc)
            return None
        return Head(record.seq, record.hash)


def body_of(name: str, line: Line) -> str:
    """The body of the audit record for an event."""
    return canonical(
        {
            "schema_version": SCHEMA_VERSION,
            "kind": line.kind,
            "subject": name,
            "verdict": f"{line.stage} {line.event}",
            "hotgate": __version__,
            "operation": line.operation,
            "number": line.number,
            "at": line.at,
            "stage": line.stage,
            "event": line.event,
            "facts": line.facts,
        }
    )


def shown(name: str, line: Line) -> dict[str, Any]:
    """An event as `--log json` has it."""
    return {
        "schema_version": SCHEMA_VERSION,
        "service": name,
        "operation": line.operation,
        "kind": line.kind,
        "at": line.at,
        "stage": line.stage,
        "event": line.event,
        **line.facts,
    }


def catch_up(name: str, journal: Journal, database: Database) -> int:
    """Append what the journal has of its last operation and the audit log has not, for a crash between the two, or a store that failed; how many.

    Raises:
        StoreError: the store cannot be read, or does not take them.
    """
    lines = journal.lines()
    last = lines[-1].operation if lines else ""
    wanted = [line for line in lines if line.operation == last]
    if not wanted:
        return 0
    with database.read() as connection:
        known = {
            found for record in audit.newest(connection, LOOKED_THROUGH) if (found := _event(record, last)) is not None
        }
    missing = [line for line in wanted if line.number not in known]
    for line in missing:
        audit.append(database, body_of(name, line))
    return len(missing)


def end_in_store(journal: Journal, database: Database) -> None:
    """Give the journal's last operation the end that the store has of it, which a full disk kept the journal from.

    Raises:
        StoreError: the store cannot be read.
    """
    lines = journal.lines()
    own = [line for line in lines if line.operation == lines[-1].operation]
    if not own or any((line.stage, line.event) == (OPERATION, "end") for line in own):
        return
    last = own[-1]
    with database.read() as connection:
        bodies = [_body(record, last.operation) for record in audit.newest(connection, LOOKED_THROUGH)]
    ending = next((body for body in bodies if body is not None and "exit_code" in body), None)
    if ending is not None:
        facts = {"ending": str(ending.get("verdict")), "said": "as the store has it", "exit_code": ending["exit_code"]}
        with suppress(OSError):
            journal.append(Line(last.operation, last.number + 1, _now(), last.kind, OPERATION, "end", facts))


def _event(record: Record, operation: str) -> int | None:
    body = _body(record, operation)
    number = None if body is None else body.get("number")
    return number if isinstance(number, int) else None


def _body(record: Record, operation: str) -> dict[str, Any] | None:
    """The body of a record of that operation; None for others."""
    if operation not in record.body:
        return None
    try:
        body: Any = json.loads(record.body)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) and body.get("operation") == operation else None


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return {text(str(key)): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

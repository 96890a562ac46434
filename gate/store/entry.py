"""What the audit log says of one verdict: what was decided, on which inputs."""

from __future__ import annotations

import hashlib
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from gate.report.formats.json import render, to_dict
from gate.report.models.reproducible import text
from gate.store.chain import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gate.model import Json
    from gate.policy.model import Policy
    from gate.report.models.report import BinaryInfo, Report

Kind = Literal["check", "probe", "watch", "rehearse", "apply", "rollback", "canary"]

MAX_FINDINGS = 500
"""Findings that are listed; the report's digest covers all."""

SCHEMA_VERSION = "1"


class Entry(Struct, frozen=True):
    """One verdict: the body of its record, and the report as JSON text, whose digest the body has."""

    kind: Kind
    subject: str
    verdict: str
    exit_code: int
    body: str
    report: str


def of_report(kind: Kind, report: Report, policy: Policy, *, subject: str, inputs: Mapping[str, str | None]) -> Entry:
    """The entry for `report`.

    Args:
        kind: what was run.
        report: its outcome.
        policy: what it was judged by; its digest covers file, environment and flags.
        subject: what was judged, for people.
        inputs: other files that were read, such as the baseline: what each is, and its path.
    """
    written = render(report)
    findings: list[Json] = [
        {"rule": each.rule, "severity": each.severity, "fingerprint": each.fingerprint, "suppressed": each.suppressed}
        for each in report.findings[:MAX_FINDINGS]
    ]
    body: dict[str, Json] = {
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "subject": text(subject),
        "verdict": report.verdict,
        "exit_code": report.exit_code,
        "mode": report.mode,
        "hotgate": report.tool.version,
        "created_at": report.created_at,
        "report_sha256": sha256(written.encode("ascii")),
        "policy": {"source": text(policy.source) or None, "sha256": sha256(canonical(_plain(policy)).encode("ascii"))},
        "inputs": {
            **{name: _binary(side) for name, side in (("old", report.old), ("new", report.new)) if side is not None},
            **{name: _file(path) for name, path in inputs.items() if path},
        },
        "findings": findings,
        "findings_left_out": max(0, len(report.findings) - MAX_FINDINGS),
    }
    if report.live is not None:
        facts = canonical(to_dict(report.live)).encode("ascii")
        body["live"] = {"url": report.live.url, "pid": report.live.pid, "sha256": sha256(facts)}
    return Entry(kind, text(subject), report.verdict, report.exit_code, canonical(to_dict(body)), written)


def sha256(data: bytes) -> str:
    """The SHA-256 of `data` in hex."""
    return hashlib.sha256(data).hexdigest()


def _binary(side: BinaryInfo) -> Json:
    return {"path": side.path, "sha256": side.sha256, "build_id": side.build_id}


def _file(path: str) -> Json:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - file_digest wants the open file
            return {"path": path, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
    except OSError as exc:
        return {"path": path, "sha256": None, "unreadable": exc.strerror}


def _plain(value: Any) -> Any:
    """A policy as what JSON has."""
    if isinstance(value, Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {text(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    return text(value) if isinstance(value, str) else value

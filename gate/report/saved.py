"""A saved report, read back. It is input like any other, and may be hostile."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from msgspec import MsgspecError
from msgspec.json import decode

from gate.exits import EXIT_CODES
from gate.report.models.report import SCHEMA_VERSION, Report
from gate.report.text.parts import sides
from probes.errors import ProbeError

MAX_BYTES = 64 << 20
RULE = re.compile(r"HG[1-9][0-9]{2}")
FINGERPRINT = re.compile(r"[0-9a-f]{16}")
SHA256 = re.compile(r"[0-9a-f]{64}")
CREATED_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
HINT = "pass a report that `hotgate check --format json` or `--output json=FILE` wrote"


class UnreadableReport(ProbeError):
    """A file that is not a report of this version."""


def load_report(path: str) -> Report:
    """The report in the file at `path`.

    Raises:
        UnreadableReport: the file cannot be read, is too large, or says something that no report says.
    """
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise UnreadableReport(f"cannot read the report ({exc.strerror})", subject=path) from exc
    if len(raw) > MAX_BYTES:
        raise UnreadableReport("the report is larger than 64 MiB", subject=path, hint=HINT)
    try:
        _check_version(json.loads(raw, parse_constant=_refuse))
        report = decode(raw, type=Report)
        _check_values(report)
    except (MsgspecError, ValueError, RecursionError) as exc:
        raise UnreadableReport(f"not a report ({exc})", subject=path, hint=HINT) from exc
    return report


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON number")


def _check_version(shape: Any) -> None:
    if not isinstance(shape, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - one error type for the caller
    if "schema_version" not in shape:
        raise ValueError("it has no schema_version")
    if shape["schema_version"] != SCHEMA_VERSION:
        found = str(shape["schema_version"])[:20]
        raise ValueError(f"its schema_version is {found!r}, and this hotgate reads {SCHEMA_VERSION!r}")


def _check_values(report: Report) -> None:
    """What the schema says and the types do not."""
    if report.exit_code != EXIT_CODES[report.verdict]:
        raise ValueError(f"exit_code: {report.exit_code} does not stand for {report.verdict}")
    _check("created_at", CREATED_AT, report.created_at)
    for side, binary in sides(report):
        _check(f"{side}.sha256", SHA256, binary.sha256)
        if binary.size < 0:
            raise ValueError(f"{side}.size: it is negative")
    for index, item in enumerate(report.rules):
        _check(f"rules.{index}.rule", RULE, item.rule)
    for index, fixed in enumerate([] if report.baseline is None else report.baseline.fixed):
        _check(f"baseline.fixed.{index}.rule", RULE, fixed.rule)
        _check(f"baseline.fixed.{index}.fingerprint", FINGERPRINT, fixed.fingerprint)
    for index, finding in enumerate(report.findings):
        _check(f"findings.{index}.rule", RULE, finding.rule)
        _check(f"findings.{index}.fingerprint", FINGERPRINT, finding.fingerprint)
        if finding.location is not None and finding.location.line < 0:
            raise ValueError(f"findings.{index}.location.line: it is negative")


def _check(name: str, pattern: re.Pattern[str], text: str) -> None:
    if not pattern.fullmatch(text):
        raise ValueError(f"{name}: it does not match {pattern.pattern}")

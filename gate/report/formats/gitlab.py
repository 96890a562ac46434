"""GitLab's Code Quality report: a JSON array in the subset of Code Climate's format that GitLab reads.

Format: docs.gitlab.com, "Code Quality", implementing a custom tool.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from gate.report.text.clean import clean
from gate.report.text.parts import GAPS, back_decides, back_findings, source_path, split, subject_of

if TYPE_CHECKING:
    from gate.report.models.report import FindingItem, Report


def render(report: Report) -> str:
    """One entry for each finding that is neither suppressed nor known and each required gap, ending in a newline, in ASCII."""
    parts = split(report)
    entries = [_entry(report, finding, "blocker") for finding in parts.blocking]
    entries += [_gap(report, gap.name, f"{gap.name} {gap.status}: {gap.reason}") for gap in parts.gaps]
    entries += [_entry(report, finding, "critical") for finding in parts.doubts]
    entries += [_entry(report, finding, "major") for finding in parts.warnings]
    entries += [_entry(report, finding, "info") for finding in parts.notes]
    severity = "blocker" if back_decides(report, parts) else "major"
    entries += [_entry(report, each, severity, "The way back, NEW → OLD: ") for each in back_findings(report)]
    seen: dict[str, int] = {}
    for entry in entries:  # GitLab drops an entry whose fingerprint it has seen
        own = entry["fingerprint"]
        seen[own] = seen.get(own, 0) + 1
        if seen[own] > 1:
            entry["fingerprint"] = _digest(f"{own} {seen[own]}")
    return json.dumps(entries, indent=2, ensure_ascii=True) + "\n"


def _entry(report: Report, finding: FindingItem, severity: str, prefix: str = "") -> dict[str, Any]:
    where, line = subject_of(report), 1
    if finding.location is not None:
        where, line = source_path(report, finding.location.file), max(finding.location.line, 1)
    return {
        "description": clean(f"{prefix}{finding.title}: {finding.message} To do: {finding.remedy}"),
        "check_name": finding.rule,
        "fingerprint": finding.fingerprint,
        "severity": severity,
        "location": {"path": clean(where.removeprefix("./")), "lines": {"begin": line}},
    }


def _gap(report: Report, name: str, said: str) -> dict[str, Any]:
    return {
        "description": clean(f"Not verified: {said}. To do: {GAPS.get(name, 'see the report')}."),
        "check_name": f"evidence-{clean(name)}",
        "fingerprint": _digest(f"evidence {name}"),
        "severity": "critical",
        "location": {"path": clean(subject_of(report).removeprefix("./")), "lines": {"begin": 1}},
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]

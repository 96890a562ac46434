"""The findings of a report as a baseline."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from gate.engine.baseline import SCHEMA_VERSION
from gate.model import Severity

if TYPE_CHECKING:
    from gate.report.models.report import Report


def dump_baseline(report: Report) -> str:
    """The findings of `report` that could block, as the JSON text that `load_baseline` reads."""
    floor = min(Severity.WARN, Severity(report.policy.fail_on), key=lambda severity: severity.rank)
    kept = {
        finding.fingerprint: {"rule": finding.rule, "subject": finding.subject, "fingerprint": finding.fingerprint}
        for finding in report.findings
        if not finding.suppressed
        and finding.evidence.get("verified") is not False
        and Severity(finding.severity).at_least(floor)
    }
    shape = {"schema_version": SCHEMA_VERSION, "created_at": report.created_at, "known": list(kept.values())}
    return json.dumps(shape, indent=2, ensure_ascii=True) + "\n"

"""SARIF 2.1.0 (OASIS standard, with errata 01), for code scanning and editors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gate.report.links import rule_page
from gate.report.text.clean import clean
from gate.report.text.parts import GAPS, answered, gone, headline, sides, source_path, split, subject_of, verified
from gate.rules.base import discover

if TYPE_CHECKING:
    from gate.report.models.report import BinaryInfo, FindingItem, FixedItem, Report
    from gate.rules.base import Check

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {"block": "error", "warn": "warning", "info": "note"}
FINGERPRINT = "hotgateFinding/v1"
NEW = 1
ROLES = {"old": "OLD, which runs", "new": "NEW, which is to replace it"}
"""Indices into `run.artifacts`."""


def render(report: Report) -> str:
    """The report as one SARIF run, ending in a newline, in ASCII."""
    rules = _rules(report)
    places = {rule["id"]: index for index, rule in enumerate(rules)}
    blocking = set(map(id, split(report).blocking))
    results = [
        _result(report, finding, places[finding.rule], blocks=id(finding) in blocking) for finding in report.findings
    ]
    if report.baseline is not None:
        for result, finding in zip(results, report.findings, strict=True):
            result["baselineState"] = "unchanged" if finding.known else "new"
        results += [_absent(report, item, places[item.rule]) for item in report.baseline.fixed]
    run = {
        "tool": {
            "driver": {
                "name": report.tool.name,
                "semanticVersion": report.tool.version,
                "shortDescription": _text("Decides whether a running Go service may be replaced in place."),
                "rules": rules,
            }
        },
        "automationDetails": {"id": f"hotgate/{report.mode}/"},
        "invocations": [_invocation(report)],
        "artifacts": [_artifact(side, ROLES[name]) for name, side in sides(report)],
        "results": results,
        "properties": {"verdict": report.verdict, "mode": report.mode, **_back(report)},
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=True) + "\n"


def _back(report: Report) -> dict[str, Any]:
    return {"wayBack": report.way_back.verdict} if report.way_back is not None else {}


def _text(text: str) -> dict[str, str]:
    """A message object. Braces would be placeholders (section 3.11.5) and `[a](b)` a link (3.11.6)."""
    return {"text": clean(text).replace("{", "{{").replace("}", "}}").replace("](", "] (")}


def _rules(report: Report) -> list[dict[str, Any]]:
    """Metadata of every rule of the report; of one that this hotgate does not know, what its findings say."""
    known = {rule.id: rule for rule in discover()}
    titles = {finding.rule: finding.title for finding in report.findings}
    fixed = [] if report.baseline is None else report.baseline.fixed
    ids = sorted({*(item.rule for item in report.rules), *(item.rule for item in fixed), *titles})
    return [
        _rule(known[rule_id], rule_page(report, rule_id))
        if rule_id in known
        else {"id": rule_id, "shortDescription": _text(titles.get(rule_id, rule_id))}
        for rule_id in ids
    ]


def _rule(rule: Check, page: str) -> dict[str, Any]:
    texts = rule.explanation
    sections = (("Why it hurts", texts.why), ("Example", texts.example), ("What to do", texts.remedy))
    plain = "\n\n".join([texts.what, *(f"{heading}: {text}" for heading, text in sections)])
    markdown = "\n\n".join([f"# {rule.title}", texts.what, *(f"## {heading}\n\n{text}" for heading, text in sections)])
    return {
        "id": rule.id,
        "name": type(rule).__name__,
        "shortDescription": {"text": f"{rule.title}."},
        "fullDescription": {"text": texts.what},
        "help": {"text": plain, "markdown": markdown + "\n"},
        **({"helpUri": page} if page else {}),
        "defaultConfiguration": {"level": "warning" if rule.inconclusive else LEVELS[rule.severity.value]},
        "properties": {"tags": [f"HG{rule.id[2]}xx"], "inconclusive": rule.inconclusive},
    }


def _invocation(report: Report) -> dict[str, Any]:
    """How it ended. A run that could not verify what it must did not succeed; one that blocks did."""
    parts = split(report)
    missing = [("error", item) for item in parts.gaps] + [("note", item) for item in parts.lacking]
    told = [
        {
            "level": level,
            "message": _text(f"{item.name} {item.status}: {item.reason}. To do: {GAPS.get(item.name, 'see above')}."),
            "descriptor": {"id": f"evidence/{item.name}"},
        }
        for level, item in missing
    ]
    told += [
        {
            "level": "note",
            "message": _text(f"{item.rule} was not run: {item.reason}"),
            "associatedRule": {"id": item.rule},
        }
        for item in report.rules
        if item.status == "no-evidence"
    ]
    configured: list[dict[str, Any]] = [{"level": "warning", "message": _text(notice)} for notice in report.notices]
    configured += [
        {"level": "note", "message": _text(f"{item.rule}: {item.reason}"), "associatedRule": {"id": item.rule}}
        for item in report.rules
        if item.status == "off"
    ]
    return {
        "executionSuccessful": report.verdict != "inconclusive",
        "exitCode": report.exit_code,
        "exitCodeDescription": f"{report.verdict}: {clean(headline(report, parts))}",
        "endTimeUtc": report.created_at,
        "toolExecutionNotifications": told,
        "toolConfigurationNotifications": configured,
    }


def _artifact(side: BinaryInfo, what: str) -> dict[str, Any]:
    return {
        "location": {"uri": _uri(side.path)},
        "description": {"text": what},
        "length": side.size,
        "roles": ["analysisTarget"],
        "hashes": {"sha-256": side.sha256},
    }


def _uri(path: str) -> str:
    """A path as a URI reference; an absolute one with its scheme. A colon in the first part would look like a scheme."""
    return ("file://" if path.startswith("/") else "") + quote(path, safe="/@+~")


def _home(report: Report) -> dict[str, Any]:
    """The place of what has no line of source: NEW, or the service."""
    if report.new is not None:
        return {"uri": _uri(report.new.path), "index": NEW}
    return {"uri": _uri(subject_of(report)) if not (report.live and report.live.url) else report.live.url}


def _result(report: Report, finding: FindingItem, index: int, *, blocks: bool) -> dict[str, Any]:
    artifact: dict[str, Any] = {"artifactLocation": _home(report)}
    logical: dict[str, Any] = {"fullyQualifiedName": clean(finding.subject)}
    if finding.location is not None:
        artifact = {"artifactLocation": {"uri": _uri(source_path(report, finding.location.file))}}
        if finding.location.line:
            artifact["region"] = {"startLine": finding.location.line}
        logical["kind"] = "function"
    why = answered(finding)
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": "error" if blocks else LEVELS[finding.severity],
        "message": _text(f"{finding.message} To do: {finding.remedy}"),
        "locations": [{"physicalLocation": artifact, "logicalLocations": [logical]}],
        "partialFingerprints": {FINGERPRINT: finding.fingerprint},
        # An empty list says "not suppressed", which all results have to say once one does (section 3.27.23).
        "suppressions": [{"kind": "external", "status": "accepted", "justification": clean(why)}]
        if finding.suppressed
        else [],
        "properties": {
            "severity": finding.severity,
            "confidence": finding.confidence,
            "verified": verified(finding),
            "subject": finding.subject,
            "evidence": finding.evidence,
        },
    }


def _absent(report: Report, item: FixedItem, index: int) -> dict[str, Any]:
    """A result that the baseline has and this run has not."""
    artifact = {"artifactLocation": _home(report)}
    return {
        "ruleId": item.rule,
        "ruleIndex": index,
        "level": "note",
        "message": _text(gone(item)),
        "locations": [
            {"physicalLocation": artifact, "logicalLocations": [{"fullyQualifiedName": clean(item.subject)}]}
        ],
        "partialFingerprints": {FINGERPRINT: item.fingerprint},
        "suppressions": [],
        "baselineState": "absent",
    }

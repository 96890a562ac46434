"""JUnit XML, as CI servers read it: one test case for each rule and for each kind of evidence.

There is no standard; the element and attribute names are those of Ant's JUnit task, which every reader knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from gate.report.text.clean import clean
from gate.report.text.parts import (
    GAPS,
    answered,
    back_decides,
    back_findings,
    back_words,
    gone,
    headline,
    service_of,
    sides,
    split,
)
from gate.rules.base import discover

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gate.report.models.report import FindingItem, Report

SHOWN = 50
"""Findings of one rule that are written out."""


def render(report: Report) -> str:
    """The report as one test suite. It fails when the update is blocked, and has errors when it is inconclusive."""
    parts = split(report)
    cases = [_evidence(report, item.name) for item in report.evidence]
    titles = {rule.id: rule.title for rule in discover()}
    titles |= {finding.rule: finding.title for finding in report.findings if finding.rule not in titles}
    ran = {item.rule: item for item in report.rules}
    others = parts.warnings + parts.notes + parts.suppressed + parts.known
    for rule in sorted({*ran, *(finding.rule for finding in report.findings)}):
        blocking = [f for f in parts.blocking if f.rule == rule]
        doubts = [f for f in parts.doubts if f.rule == rule]
        rest = [f for f in others if f.rule == rule]
        inner = ""
        if blocking:
            inner = _problem("failure", "block", blocking + doubts)
        elif doubts:
            inner = _problem("error", "inconclusive", doubts)
        elif rule in ran and ran[rule].status != "ran":
            inner = f"<skipped message={_attribute(ran[rule].reason)}/>"
        if rest:
            inner += f"<system-out>{_content(_lines(rest))}</system-out>"
        cases.append(_case("hotgate.rules", f"{rule} {titles.get(rule, '')}", inner))
    if report.way_back is not None:
        cases.append(_way_back(report, decides=back_decides(report, parts)))
    totals = " ".join(
        f'{name}="{sum(f"<{tag}" in case for case in cases)}"'
        for name, tag in (("failures", "failure "), ("errors", "error "), ("skipped", "skipped "))
    )
    counted = f'tests="{len(cases)}" {totals} time="{report.timings_ms.get("total", 0) / 1000:.3f}"'
    said = "\n".join([f"{report.verdict}: {headline(report, parts)}", *map(gone, parts.fixed[:SHOWN])])
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<testsuites name="hotgate" {counted}>',
            f'<testsuite name="hotgate check" {counted} timestamp={_attribute(report.created_at.removesuffix("Z"))}>',
            "<properties>",
            *(
                f"<property name={_attribute(name)} value={_attribute(value)}/>"
                for name, value in (
                    ("verdict", report.verdict),
                    ("exit_code", str(report.exit_code)),
                    ("mode", report.mode),
                    *((("way_back", report.way_back.verdict),) if report.way_back is not None else ()),
                    *((name, f"{side.path} sha256:{side.sha256}") for name, side in sides(report)),
                    *((("live", service_of(report.live)),) if report.live is not None else ()),
                )
            ),
            "</properties>",
            *cases,
            f"<system-out>{_content(said)}</system-out>",
            "</testsuite>",
            "</testsuites>",
            "",
        ]
    )


def _way_back(report: Report, *, decides: bool) -> str:
    """A case for the way back: it fails, or has an error, where the verdict is its own."""
    words, found = back_words(report), back_findings(report)
    inner = f"<system-out>{_content(_lines(found))}</system-out>" if found else ""
    if decides:
        tag = "failure" if report.verdict == "block" else "error"
        inner = f'<{tag} type="{report.verdict}" message={_attribute(words)}>{_content(_lines(found))}</{tag}>'
    return _case("hotgate.way_back", words, inner)


def _evidence(report: Report, name: str) -> str:
    item = next(each for each in report.evidence if each.name == name)
    inner = ""
    if item.status != "ok":
        said = f"{item.status}: {item.reason}"
        tag = "error" if name in report.policy.require else "skipped"
        inner = f"<{tag} message={_attribute(said)}>{_content('do: ' + GAPS.get(name, ''))}</{tag}>"
    return _case("hotgate.evidence", name, inner)


def _case(classname: str, name: str, inner: str) -> str:
    return f'<testcase classname={_attribute(classname)} name={_attribute(name.strip())} time="0">{inner}</testcase>'


def _problem(tag: str, kind: str, findings: list[FindingItem]) -> str:
    more = f" (and {len(findings) - 1:,} more)" if len(findings) > 1 else ""
    message = _attribute(findings[0].message + more)
    return f'<{tag} type="{kind}" message={message}>{_content(_lines(findings))}</{tag}>'


def _lines(findings: list[FindingItem]) -> str:
    out = []
    for finding in findings[:SHOWN]:
        why = answered(finding)
        out.append(f"{finding.severity}{' (known)' if finding.known else ''}: {finding.message}")
        out.append(f"  suppressed: {why}" if finding.suppressed else f"  do: {finding.remedy}")
        out.append(f"  fingerprint: {finding.fingerprint}")
    if len(findings) > SHOWN:
        out.append(f"and {len(findings) - SHOWN:,} more; --format json lists all")
    return _joined(out)


def _joined(lines: Iterable[str]) -> str:
    return "\n".join(clean(line) for line in lines)


def _attribute(text: str) -> str:
    return quoteattr(clean(text))


def _content(text: str) -> str:
    """Text of an element: `>` is escaped too, so that no `]]>` remains."""
    return escape(_joined(text.split("\n")))

"""The report for a person: the verdict in the first line, then what to do, then what changed."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.text import Text

from gate.report.terminal import drift, live, profiles, rehearsal
from gate.report.terminal.console import DEFAULT_WIDTH, RULE_STYLES, heading_line, make_console, text_of
from gate.report.text.clean import clean
from gate.report.text.parts import (
    GAPS,
    Parts,
    answered,
    back_findings,
    back_words,
    extras,
    gone,
    headline,
    sides,
    split,
    way,
)
from gate.report.text.summary import side_words
from gate.report.text.wrap import paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from gate.report.models.report import BinaryInfo, FindingItem, Report

STYLES = {"pass": "bold green", "block": "bold red", "inconclusive": "bold yellow"}
MESSAGES = 8


def render(report: Report, *, width: int = DEFAULT_WIDTH, color: bool = False) -> str:
    """The report as text, ending in a newline.

    Args:
        report: what to show.
        width: columns; longer lines are wrapped, nothing is cut off.
        color: write ANSI colours.
    """
    console = make_console(width, color=color)
    parts = split(report)
    _headline(console, report, parts)
    if how := way(report):
        paragraph(console, Text(clean(how), "dim"), indent=0)
    if back := back_words(report):
        paragraph(console, Text(clean(back), "dim" if back.startswith("reversible") else "yellow"), indent=0)
    _findings(console, "What blocks this update", parts.blocking)
    _doubts(console, parts)
    console.print()
    for name, side in sides(report):
        _side(console, name, side)
    _findings(console, "Warnings", parts.warnings)
    if report.way_back is not None:
        _findings(console, f"The way back, NEW → OLD: {report.way_back.verdict}", back_findings(report))
    _notes(console, "Notes", parts.notes)
    _notes(console, "Suppressed by the policy", parts.suppressed)
    _notes(console, "Known from the baseline", parts.known)
    if parts.fixed:
        heading_line(console, "Fixed since the baseline")
        for item in parts.fixed[:MESSAGES]:
            paragraph(console, Text(clean(gone(item))), hang=2)
        if len(parts.fixed) > MESSAGES:
            paragraph(
                console, Text(f"and {len(parts.fixed) - MESSAGES:,} more; --format json lists all", "dim"), hang=2
            )
    live.show(console, report)
    profiles.show(console, report)
    rehearsal.show(console, report)
    drift.show(console, report)
    _footer(console, report, parts)
    return text_of(console)


def _headline(console: Console, report: Report, parts: Parts) -> None:
    line = Text(report.verdict.upper(), STYLES[report.verdict])
    line.append(f"  {clean(headline(report, parts))}", "bold")
    if more := extras(parts):
        line.append(f" ({more})", "not bold")
    paragraph(console, line, indent=0)


def _side(console: Console, label: str, side: BinaryInfo) -> None:
    path, build, digest = side_words(side)
    paragraph(console, Text.assemble((f"{label}  ", "dim"), (clean(path), "bold")), indent=5, hang=0)
    paragraph(console, Text(clean(f"{build}, sha256 {digest}")), indent=5)


def _findings(console: Console, heading: str, findings: Sequence[FindingItem]) -> None:
    """Findings of one rule together: its title once, a line for each message, and each remedy once."""
    if not findings:
        return
    heading_line(console, heading)
    for (rule, title), of_rule in groupby(findings, key=lambda f: (f.rule, f.title)):
        members = list(of_rule)
        line = Text.assemble("  ", (clean(rule), RULE_STYLES[members[0].severity]), "  ", (clean(title), "bold"))
        paragraph(console, line, hang=0)
        for remedy, group in groupby(members, key=lambda f: f.remedy):
            alike = list(group)
            for finding in alike[:MESSAGES]:
                paragraph(console, _message(finding))
            if len(alike) > MESSAGES:
                paragraph(console, Text(f"and {len(alike) - MESSAGES:,} more; --format json lists all", "dim"))
            paragraph(console, Text.assemble(("do: ", "bold"), clean(remedy)))


def _doubts(console: Console, parts: Parts) -> None:
    _findings(console, "What could not be verified", parts.doubts)
    if parts.gaps and not parts.doubts:
        heading_line(console, "What could not be verified")
    alike: dict[tuple[str, str, str], list[str]] = {}
    for item in parts.gaps:
        alike.setdefault((item.status, item.reason, GAPS.get(item.name, "")), []).append(item.name)
    for (status, reason, remedy), names in alike.items():
        line = Text.assemble("  ", (clean(", ".join(names)), "yellow"), f"  {status}: ", clean(reason))
        paragraph(console, line, hang=0)
        if remedy:
            paragraph(console, Text.assemble(("do: ", "bold"), remedy))


def _notes(console: Console, heading: str, findings: Sequence[FindingItem]) -> None:
    if not findings:
        return
    heading_line(console, heading)
    for finding in findings:
        line = Text.assemble("  ", (clean(finding.rule), RULE_STYLES["info"]), "  ", _message(finding))
        paragraph(console, line, hang=0)


def _message(finding: FindingItem) -> Text:
    text = Text(clean(finding.message))
    if finding.confidence != "high":
        text.append(f" ({finding.confidence} confidence)", "dim")
    if finding.location is not None:
        line = f":{finding.location.line}" if finding.location.line else ""
        text.append(f" ({clean(finding.location.file)}{line})", "dim")
    if why := answered(finding):
        text.append(f" Suppressed: {clean(why)}", "dim")
    return text


def _footer(console: Console, report: Report, parts: Parts) -> None:
    heading_line(console, "Evidence")
    good = [item.name + (f" ({item.reason})" if item.reason else "") for item in report.evidence if item.status == "ok"]
    if good:
        paragraph(console, Text(clean("ok: " + ", ".join(good))), indent=2)
    reasons: dict[tuple[str, str], list[str]] = {}
    for item in parts.lacking:
        reasons.setdefault((item.status, item.reason), []).append(item.name)
    for (status, reason), names in reasons.items():
        paragraph(console, Text(clean(f"{', '.join(names)} {status}: {reason}")), indent=4, hang=2)
    total = report.timings_ms.get("total", 0.0)
    phases = ", ".join(f"{name} {ms:,.0f} ms" for name, ms in report.timings_ms.items() if name != "total")
    console.print()
    said = f"mode {report.mode}; took {total:,.0f} ms ({phases}); hotgate {clean(report.tool.version)}"
    paragraph(console, Text(said, "dim"), indent=0)
    if report.findings:
        first = report.findings[0].rule
        paragraph(console, Text(f"More on a rule: hotgate explain {clean(first)}", "dim"), indent=0)

"""Workflow commands of GitHub Actions, which become annotations of the run and of changed files.

Format: docs.github.com, "Workflow commands for GitHub Actions"; escapes as in actions/toolkit, `core/src/command.ts`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gate.report.text.clean import clean
from gate.report.text.parts import GAPS, back_words, extras, headline, source_path, split

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gate.report.models.report import FindingItem, Report

SHOWN = 100
"""Annotations of one kind; GitHub shows ten of each in a step."""


def render(report: Report) -> str:
    """One line for the verdict, then one for each finding that is neither suppressed nor known and each required gap."""
    parts = split(report)
    doubt = "error" if report.verdict == "inconclusive" else "warning"
    more = extras(parts)
    level = "notice" if report.verdict == "pass" else "error"
    lines = [_command(level, f"hotgate: {report.verdict}", headline(report, parts) + (f" ({more})" if more else ""))]
    if back := back_words(report):
        lines.append(_command("notice" if back.startswith("reversible") else "warning", "hotgate: the way back", back))
    lines += _annotations(report, "error", parts.blocking)
    for gap in parts.gaps:
        said = f"{gap.status}: {gap.reason}. To do: {GAPS.get(gap.name, 'see the report')}."
        lines.append(_command(doubt, f"hotgate: {gap.name} not verified", said))
    lines += _annotations(report, doubt, parts.doubts)
    lines += _annotations(report, "warning", parts.warnings)
    lines += _annotations(report, "notice", parts.notes)
    return "\n".join(lines) + "\n"


def _annotations(report: Report, level: str, findings: list[FindingItem]) -> Iterable[str]:
    for finding in findings[:SHOWN]:
        where = {}
        if finding.location is not None:
            where["file"] = source_path(report, finding.location.file)
            if finding.location.line:
                where["line"] = str(finding.location.line)
        said = f"{finding.message} To do: {finding.remedy}"
        yield _command(level, f"{finding.rule} {finding.title}", said, **where)
    if len(findings) > SHOWN:
        yield _command(level, "hotgate", f"and {len(findings) - SHOWN:,} more; --format json lists all")


def _command(level: str, title: str, message: str, **properties: str) -> str:
    pairs = {**properties, "title": title}
    written = ",".join(f"{name}={_property(value)}" for name, value in pairs.items())
    return f"::{level} {written}::{_data(message)}"


def _data(text: str) -> str:
    """`clean` leaves no line break; a `%` of its own must not become one."""
    return clean(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

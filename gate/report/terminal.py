"""The report for a person: the verdict in the first line, then what to do, then what changed."""

from __future__ import annotations

import io
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from gate.model import Severity
from gate.report import drift_text
from gate.report.clean import clean
from gate.report.wrap import paragraph
from gate.words import count, some

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gate.report.model import BinaryInfo, EvidenceItem, FindingItem, Report

STYLES = {"pass": "bold green", "block": "bold red", "inconclusive": "bold yellow"}
RULE_STYLES = {"block": "bold red", "warn": "yellow", "info": "cyan"}
DEFAULT_WIDTH = 100
MIN_WIDTH = 40
MESSAGES = 8

GAPS = {
    "functions": "compare binaries that are not obfuscated, built by a Go release that this hotgate knows",
    "build": "build both sides with `go build` inside their module, which embeds build information",
    "symbols": "link without -s, and do not run strip",
    "native": "build the file again; its dynamic section or its table of symbol versions is damaged",
    "init": "compare unstripped binaries of Go 1.21 or later",
    "target": "describe the host with `hotgate inspect --host` there, and pass the file with --target",
}
"""What to do about evidence that is missing."""


def render(
    report: Report,
    *,
    width: int = DEFAULT_WIDTH,
    color: bool = False,
    fail_on: Severity | None = None,
    require: Iterable[str] | None = None,
) -> str:
    """The report as text, ending in a newline.

    Args:
        report: what to show.
        width: columns; longer lines are wrapped, nothing is cut off.
        color: write ANSI colours.
        fail_on: what blocked; worked out from the verdict unless given, as for a saved report.
        require: the evidence that the policy required; any unless given.
    """
    console = make_console(width, color=color)
    parts = _split(report, fail_on, require)
    _headline(console, report, parts)
    _findings(console, "What blocks this update", parts.blocking)
    _doubts(console, parts)
    console.print()
    _side(console, "old", report.old)
    _side(console, "new", report.new)
    _findings(console, "Warnings", parts.warnings)
    _notes(console, "Notes", parts.notes)
    _notes(console, "Suppressed by the policy", [finding for finding in report.findings if finding.suppressed])
    drift_text.show(console, report)
    _footer(console, report, parts)
    return text_of(console)


def make_console(width: int, *, color: bool) -> Console:
    """A console that writes to memory, with nothing in it that interprets what it is given."""
    return Console(
        file=io.StringIO(),
        width=max(width, MIN_WIDTH),
        force_terminal=color,
        color_system="standard" if color else None,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
    )


def text_of(console: Console) -> str:
    """What was written to a console of `make_console`, without blanks at line ends."""
    if not isinstance(console.file, io.StringIO):
        raise TypeError("not a console of make_console")
    return "\n".join(line.rstrip(" ") for line in console.file.getvalue().splitlines()) + "\n"


class _Parts:
    """The findings by what they mean for the reader."""

    def __init__(self, blocking: list[FindingItem], rest: list[FindingItem], gaps: list[EvidenceItem]) -> None:
        self.blocking = blocking
        self.gaps = gaps
        self.doubts = [f for f in rest if f.evidence.get("verified") is False]
        sure = [f for f in rest if f.evidence.get("verified") is not False]
        self.warnings = [f for f in sure if f.severity != "info"]
        self.notes = [f for f in sure if f.severity == "info"]


def _split(report: Report, fail_on: Severity | None, require: Iterable[str] | None) -> _Parts:
    findings = [finding for finding in report.findings if not finding.suppressed]
    blocking: list[FindingItem] = []
    if report.verdict == "block" and findings:
        floor = fail_on or max((Severity(f.severity) for f in findings), key=lambda severity: severity.rank)
        blocking = [
            f
            for f in findings
            if Severity(f.severity).at_least(Severity.BLOCK if f.evidence.get("verified") is False else floor)
        ]
    gaps = [item for item in report.evidence if item.status != "ok" and (require is None or item.name in set(require))]
    return _Parts(blocking, [f for f in findings if f not in blocking], gaps)


def _headline(console: Console, report: Report, parts: _Parts) -> None:
    if report.verdict == "block":
        number = len(parts.blocking)
        says = f"{count(number, 'finding')} {'blocks' if number == 1 else 'block'} this update"
    elif report.verdict == "inconclusive":
        unknown = dict.fromkeys([gap.name for gap in parts.gaps] + [finding.rule for finding in parts.doubts])
        says = f"nothing blocks this update, but not verified: {clean(some(list(unknown)))}"
    elif report.old.sha256 == report.new.sha256:
        says = "OLD and NEW are the same file"
    else:
        says = "nothing blocks this update"
    extras = [count(len(parts.warnings), "warning")] if parts.warnings else []
    extras += [count(len(parts.notes), "note")] if parts.notes else []
    line = Text(report.verdict.upper(), STYLES[report.verdict])
    line.append(f"  {says}", "bold")
    if extras:
        line.append(f" ({', '.join(extras)})", "not bold")
    paragraph(console, line, indent=0)


def _side(console: Console, label: str, side: BinaryInfo) -> None:
    words = [
        side.go_version or "unknown Go version",
        f"{side.goos}/{side.goarch}",
        side.linkage + (", stripped" if side.stripped else ""),
        f"{side.size / 1e6:,.1f} MB",
        f"sha256 {side.sha256[:12]}",
    ]
    paragraph(console, Text.assemble((f"{label}  ", "dim"), (clean(side.path), "bold")), indent=5, hang=0)
    paragraph(console, Text(clean(", ".join(words))), indent=5)


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


def _doubts(console: Console, parts: _Parts) -> None:
    _findings(console, "What could not be verified", parts.doubts)
    if parts.gaps and not parts.doubts:
        heading_line(console, "What could not be verified")
    for item in parts.gaps:
        line = Text.assemble("  ", (clean(item.name), "yellow"), f"  {item.status}: ", clean(item.reason))
        paragraph(console, line, hang=0)
        if item.name in GAPS:
            paragraph(console, Text.assemble(("do: ", "bold"), GAPS[item.name]))


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
    answered = finding.evidence.get("suppression")
    if finding.suppressed and isinstance(answered, dict):
        why = clean(f"{answered.get('reason')} (until {answered.get('expires')})")
        text.append(f" Suppressed: {why}", "dim")
    return text


def _footer(console: Console, report: Report, parts: _Parts) -> None:
    heading_line(console, "Evidence")
    good = [item.name + (f" ({item.reason})" if item.reason else "") for item in report.evidence if item.status == "ok"]
    if good:
        paragraph(console, Text(clean("ok: " + ", ".join(good))), indent=2)
    for item in report.evidence:
        if item.status != "ok" and item not in parts.gaps:
            paragraph(console, Text(clean(f"{item.name} {item.status}: {item.reason}")), indent=4, hang=2)
    total = report.timings_ms.get("total", 0.0)
    phases = ", ".join(f"{name} {ms:,.0f} ms" for name, ms in report.timings_ms.items() if name != "total")
    console.print()
    said = f"mode {report.mode}; took {total:,.0f} ms ({phases}); hotgate {clean(report.tool.version)}"
    paragraph(console, Text(said, "dim"), indent=0)
    if report.findings:
        first = report.findings[0].rule
        paragraph(console, Text(f"More on a rule: hotgate explain {clean(first)}", "dim"), indent=0)


def heading_line(console: Console, text: str) -> None:
    """A blank line and a heading."""
    console.print()
    console.print(Text(text, "bold underline"))

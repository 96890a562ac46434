"""Markdown (GitHub's flavour) for the summary of a job or a comment on a merge request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gate.report.text.clean import clean
from gate.report.text.parts import (
    GAPS,
    answered,
    back_findings,
    back_words,
    drift_of,
    extras,
    gone,
    headline,
    service_of,
    sides,
    source_path,
    split,
    way,
)
from gate.report.text.profiles import function_rows, profile_lines
from gate.report.text.rehearsal import drill_row, rehearsal_lines, strip, update_row
from gate.report.text.summary import (
    build_lines,
    data_lines,
    function_totals,
    layout_words,
    ranked,
    ranked_types,
    side_words,
    what_changed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gate.report.models.report import FindingItem, Report

SHOWN = 30
"""Findings, functions and names of one list that are written out: a job summary holds 1 MiB."""

_MARKUP = re.compile(r"[\\`*_{}\[\]~$|]")
_ENTITIES = re.compile(r"[&<>#@]|://|www\.", re.IGNORECASE)


def render(report: Report) -> str:
    """The verdict as a heading, then the reasons, then what changed."""
    parts = split(report)
    more = extras(parts)
    lines = [
        f"## hotgate: {report.verdict.upper()}",
        "",
        _safe(headline(report, parts)) + (f" ({more})." if more else "."),
    ]
    ways = [f"- {_safe(words)}" for words in (way(report), back_words(report)) if words]
    lines += ["", *ways] if ways else []
    lines += _findings(report, "What blocks this update", parts.blocking)
    if parts.doubts or parts.gaps:
        lines += ["", "### What could not be verified", ""]
        lines += _items(report, parts.doubts)
        for gap in parts.gaps:
            lines.append(f"- **{_safe(gap.name)}** {gap.status}: {_safe(gap.reason)}")
            lines.append(f"  - do: {_safe(GAPS.get(gap.name, 'see the evidence'))}")
    lines += _sides(report)
    lines += _findings(report, "Warnings", parts.warnings)
    if report.way_back is not None:
        lines += _findings(report, f"The way back, NEW → OLD: {report.way_back.verdict}", back_findings(report))
    lines += _folded("Notes", _items(report, parts.notes), len(parts.notes))
    lines += _folded("Suppressed by the policy", _items(report, parts.suppressed), len(parts.suppressed))
    lines += _folded("Known from the baseline", _items(report, parts.known), len(parts.known))
    fixed = [f"- {_safe(gone(item))}" for item in parts.fixed[:SHOWN]] + _more(len(parts.fixed))
    lines += _folded("Fixed since the baseline", fixed, len(parts.fixed))
    lines += _live(report)
    lines += _profile(report)
    lines += _rehearsal(report)
    lines += _drift(report)
    lines += _folded("Evidence", [f"- {_safe(e.name)}: {e.status} {_safe(e.reason)}".rstrip() for e in report.evidence])
    lines += ["", f"Mode {report.mode}, exit code {report.exit_code}, hotgate {_safe(report.tool.version)}."]
    return "\n".join(lines) + "\n"


def _sides(report: Report) -> list[str]:
    both = sides(report)
    if not both:
        return []
    lines = ["", f"| | {' | '.join(name for name, _ in both)} |", "|---" * (len(both) + 1) + "|"]
    rows = zip(("file", "build", "sha256"), *(side_words(side) for _, side in both), strict=True)
    return lines + [f"| {row[0]} | {' | '.join(map(_code, row[1:]))} |" for row in rows]


def _live(report: Report) -> list[str]:
    if report.live is None:
        return []
    rows = [f"| {each.topic} | {_safe(each.said)} | {_safe(each.source)} |" for each in report.live.topics]
    head = ["", f"### Live: {_code(service_of(report.live))}", "", "| topic | | source |", "|---|---|---|"]
    return [*head, *rows, *(f"- {_safe(note)}" for note in report.live.notes)]


def _profile(report: Report) -> list[str]:
    if report.profile is None:
        return []
    lines = ["", f"### Profile: {_code(report.profile.source)}", ""]
    lines += [f"- {_safe(line)}" for line in profile_lines(report.profile)]
    if report.profile.comparison is not None:
        lines += ["", "| | function | base | new | growth |", "|---|---|---|---|---|"]
        rows = function_rows(report.profile.comparison)
        lines += [f"| {row[0]} | {_code(row[1])} | {row[2]} | {row[3]} | {row[4]} |" for row in rows]
    return lines


def _rehearsal(report: Report) -> list[str]:
    section = report.rehearsal
    if section is None:
        return []
    lines = ["", "### Rehearsal", "", *(f"- {_safe(line)}" for line in rehearsal_lines(section))]
    lines += [
        "",
        "| update | outcome | take-over | longest pause | requests | losses | |",
        "|---|---|---|---|---|---|---|",
    ]
    for update in section.updates[:SHOWN]:
        lines.append(f"| {' | '.join(_safe(cell) for cell in update_row(update))} | {_code(strip(update.timeline))} |")
    if section.drills:
        lines += ["", "| drill | outcome | |", "|---|---|---|"]
        lines += [f"| {' | '.join(_safe(cell) for cell in drill_row(drill))} |" for drill in section.drills[:SHOWN]]
    return lines


def _findings(report: Report, heading: str, findings: Sequence[FindingItem]) -> list[str]:
    return ["", f"### {heading}", "", *_items(report, findings)] if findings else []


def _items(report: Report, findings: Sequence[FindingItem]) -> list[str]:
    lines = []
    for finding in findings[:SHOWN]:
        where = ""
        if finding.location is not None:
            line = f":{finding.location.line}" if finding.location.line else ""
            where = f" ({_code(source_path(report, finding.location.file) + line)})"
        sure = "" if finding.confidence == "high" else f" ({finding.confidence} confidence)"
        lines.append(f"- **{finding.rule}** {_safe(finding.title)}: {_safe(finding.message)}{sure}{where}")
        why = answered(finding)
        lines.append(f"  - suppressed: {_safe(why)}" if finding.suppressed else f"  - do: {_safe(finding.remedy)}")
    return lines + _more(len(findings))


def _drift(report: Report) -> list[str]:
    lines: list[str] = []
    if (functions := drift_of(report).functions) is not None:
        lines += ["", "### Functions", "", function_totals(functions) + "."]
        changed = [f"- {_code(each.name)}: {_safe(what_changed(each))}" for each in ranked(report)[:SHOWN]]
        lines += _folded("Changed", changed + _more(len(functions.changed)), len(functions.changed))
        for title, names in (
            ("Added", functions.added),
            ("Removed", functions.removed),
            ("Undecided", functions.undecided),
            ("May have changed", [each.name for each in functions.doubtful]),
        ):
            lines += _folded(title, [f"- {_code(name)}" for name in names[:SHOWN]] + _more(len(names)), len(names))
    types = [f"- {_code(name)}: {_safe(what)}" for name, what in map(layout_words, ranked_types(report))]
    lines += _folded("Types with another layout", types[:SHOWN] + _more(len(types)), len(types))
    data = data_lines(report)
    lines += _folded("Data", [f"- {_code(line)}" for line in data[:SHOWN]] + _more(len(data)), len(data))
    built = build_lines(report)
    return lines + _folded("Build", [f"- {_code(line)}" for line in built[:SHOWN]] + _more(len(built)), len(built))


def _more(number: int) -> list[str]:
    return [f"- and {number - SHOWN:,} more; `--format json` lists all"] if number > SHOWN else []


def _folded(title: str, lines: Iterable[str], number: int | None = None) -> list[str]:
    """A part that opens on a click; nothing when it is empty."""
    inside = list(lines)
    if not inside:
        return []
    counted = "" if number is None else f" ({number:,})"
    return ["", f"<details><summary>{title}{counted}</summary>", "", *inside, "", "</details>"]


def _safe(text: str) -> str:
    """`text` as itself: no markup, no HTML, no link, no mention."""
    escaped = _MARKUP.sub(r"\\\g<0>", clean(text))
    return _ENTITIES.sub(lambda match: "".join(f"&#{ord(char)};" for char in match[0]), escaped)


def _code(text: str) -> str:
    """A code span, in which nothing is interpreted but a backtick and, in a table, a bar."""
    shown = clean(text).replace("|", "\\u007c") or " "
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{fence}{pad}{shown}{pad}{fence}"

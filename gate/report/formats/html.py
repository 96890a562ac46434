"""One HTML page: no script, nothing from elsewhere, readable by light and by dark, by eye and by ear."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from gate.report.links import rule_page
from gate.report.pages.rehearsal import STYLE as REHEARSAL_STYLE
from gate.report.pages.rehearsal import rehearsal_page
from gate.report.pages.strip import STYLE as STRIP_STYLE
from gate.report.pages.strip import figure
from gate.report.pages.style import STYLE
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

    from gate.report.models.profiles import StripItem
    from gate.report.models.report import FindingItem, Report
    from gate.report.text.parts import Parts

SHOWN = 2000
"""Findings, functions and names of one list that are written out."""

# The policy forbids all that the page does not bring along, should an escape ever be missing.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


# Contrasts are at least 4.5 to 1 on both grounds (WCAG 2.2, 1.4.3); no meaning is in a colour alone.
def render(report: Report) -> str:
    """The page, ending in a newline."""
    parts = split(report)
    more = extras(parts)
    title = f"{report.verdict.upper()}: {headline(report, parts)}"
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>hotgate: {_text(title)}</title>",
        f"<style>{STYLE}{STRIP_STYLE if _strip_of(report) else ''}{REHEARSAL_STYLE if report.rehearsal else ''}</style>",
        "</head>",
        "<body>",
        "<header>",
        f'<h1 class="{report.verdict}">{_text(title)}</h1>',
        f'<p class="dim">{_text(more) + "; " if more else ""}{_text(way(report) or f"mode {report.mode}")}, exit code {report.exit_code}</p>',
        *([f'<p class="dim">{_text(back)}</p>'] if (back := back_words(report)) else []),
        "</header>",
        "<main>",
        *_section("What blocks this update", _articles(report, parts.blocking)),
        *_section("What could not be verified", _articles(report, parts.doubts) + _gaps(parts)),
        *_sides(report),
        *_section("Warnings", _articles(report, parts.warnings)),
        *(
            _section(f"The way back, NEW → OLD: {report.way_back.verdict}", _articles(report, back_findings(report)))
            if report.way_back is not None
            else []
        ),
        *_folded("Notes", _articles(report, parts.notes), len(parts.notes)),
        *_folded("Suppressed by the policy", _articles(report, parts.suppressed), len(parts.suppressed)),
        *_folded("Known from the baseline", _articles(report, parts.known), len(parts.known)),
        *_folded("Fixed since the baseline", _list([gone(item) for item in parts.fixed]), len(parts.fixed)),
        *_live(report),
        *_profile(report),
        *(_section("Rehearsal", rehearsal_page(report.rehearsal)) if report.rehearsal is not None else ()),
        *_drift(report),
        *_evidence(report),
        "</main>",
        "<footer>",
        f'<p class="dim">hotgate {_text(report.tool.version)}, {_text(report.created_at)}</p>',
        "</footer>",
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    """`text` with nothing in it that HTML reads, in an element or in a quoted attribute."""
    return escape(clean(text), quote=True)


def _section(heading: str, inner: Sequence[str]) -> list[str]:
    return ["<section>", f"<h2>{heading}</h2>", *inner, "</section>"] if inner else []


def _folded(heading: str, inner: Sequence[str], number: int | None = None) -> list[str]:
    counted = "" if number is None else f" ({number:,})"
    return ["<details>", f"<summary><h2>{heading}{counted}</h2></summary>", *inner, "</details>"] if inner else []


def _rule(report: Report, rule: str) -> str:
    page = rule_page(report, rule)
    return f'<a href="{_text(page)}">{_text(rule)}</a>' if page else _text(rule)


def _articles(report: Report, findings: Sequence[FindingItem]) -> list[str]:
    out = []
    for finding in findings[:SHOWN]:
        sure = "" if finding.confidence == "high" else f", {finding.confidence} confidence"
        out.append(f'<article class="{finding.severity}">')
        out.append(
            f"<h3>{_rule(report, finding.rule)} {_text(finding.title)} <small>({finding.severity}{sure})</small></h3>"
        )
        out.append(f"<p>{_text(finding.message)}</p>")
        if finding.location is not None:
            line = f":{finding.location.line}" if finding.location.line else ""
            out.append(f"<p><code>{_text(source_path(report, finding.location.file) + line)}</code></p>")
        why = answered(finding)
        last = f"Suppressed: {_text(why)}" if finding.suppressed else f"<strong>Do:</strong> {_text(finding.remedy)}"
        out += [f"<p>{last}</p>", "</article>"]
    return out + _more(len(findings))


def _gaps(parts: Parts) -> list[str]:
    out = []
    for gap in parts.gaps:
        out += ['<article class="warn">', f"<h3>{_text(gap.name)} <small>({gap.status})</small></h3>"]
        out += [f"<p>{_text(gap.reason)}</p>", f"<p><strong>Do:</strong> {_text(GAPS.get(gap.name, ''))}</p>"]
        out.append("</article>")
    return out


def _sides(report: Report) -> list[str]:
    both = sides(report)
    if not both:
        return []
    rows = zip(("file", "build", "sha256"), *(side_words(side) for _, side in both), strict=True)
    columns = "".join(f'<th scope="col">{name}</th>' for name, _ in both)
    head = f"<thead><tr><td></td>{columns}</tr></thead>"
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{_text(cell)}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    return ["<section>", "<h2>Compared</h2>", f"<table>{head}<tbody>{body}</tbody></table>", "</section>"]


def _live(report: Report) -> list[str]:
    if report.live is None:
        return []
    rows = [
        f'<tr><th scope="row">{_text(each.topic)}</th><td>{_text(each.said)}</td><td>{_text(each.source)}</td></tr>'
        for each in report.live.topics
    ]
    head = '<thead><tr><th scope="col">topic</th><td></td><th scope="col">source</th></tr></thead>'
    notes = [f"<p>{_text(note)}</p>" for note in report.live.notes]
    heading = f"Live: {_text(service_of(report.live))}"
    return _section(heading, [f"<table>{head}<tbody>", *rows, "</tbody></table>", *notes])


def _strip_of(report: Report) -> list[StripItem]:
    beats = report.profile.continuity if report.profile is not None else None
    return [] if beats is None else beats.strip


def _profile(report: Report) -> list[str]:
    if report.profile is None:
        return []
    inner = ["<ul>", *(f"<li>{_text(line)}</li>" for line in profile_lines(report.profile)), "</ul>"]
    if strip := _strip_of(report):
        inner += figure(strip, f"Heartbeat of {report.profile.source}", "heartbeat")
    if report.profile.comparison is not None:
        rows = function_rows(report.profile.comparison, SHOWN)
        cells = ("".join(f"<td>{_text(cell)}</td>" for cell in row) for row in rows)
        head = "".join(f'<th scope="col">{name}</th>' for name in ("change", "function", "base", "new", "growth"))
        inner += [
            f"<table><thead><tr>{head}</tr></thead><tbody>",
            *(f"<tr>{row}</tr>" for row in cells),
            "</tbody></table>",
        ]
    return _section(f"Profile: {_text(report.profile.source)}", inner)


def _drift(report: Report) -> list[str]:
    out: list[str] = []
    if (functions := drift_of(report).functions) is not None:
        changed = ranked(report)
        out += _section("Functions", [f"<p>{_text(function_totals(functions))}.</p>"])
        rows = [
            f"<tr><td><code>{_text(each.name)}</code></td><td>{_text(what_changed(each))}</td></tr>"
            for each in changed[:SHOWN]
        ]
        head = '<thead><tr><th scope="col">function</th><th scope="col">what changed</th></tr></thead>'
        table = [f"<table>{head}<tbody>", *rows, "</tbody></table>", *_more(len(changed))] if rows else []
        out += _folded("Changed", table, len(changed))
        for title, names in (
            ("Added", functions.added),
            ("Removed", functions.removed),
            ("Undecided", functions.undecided),
            ("May have changed", [each.name for each in functions.doubtful]),
        ):
            out += _folded(title, _list(names), len(names))
        renamed = [f"{each.old} → {each.new}" for each in functions.renamed]
        out += _folded("Renamed", _list(renamed), len(renamed))
    types = [layout_words(each) for each in ranked_types(report)]
    rows = [f"<tr><td><code>{_text(name)}</code></td><td>{_text(what)}</td></tr>" for name, what in types[:SHOWN]]
    head = '<thead><tr><th scope="col">type</th><th scope="col">what changed</th></tr></thead>'
    table = [f"<table>{head}<tbody>", *rows, "</tbody></table>", *_more(len(types))] if rows else []
    out += _folded("Types with another layout", table, len(types))
    data = data_lines(report)
    out += _folded("Data", _list(data), len(data))
    section = drift_of(report).data
    for each in section.embedded[:SHOWN] if section is not None else ():
        diff = [f"<pre>{chr(10).join(map(_text, each.diff))}</pre>"] if each.diff else []
        out += _folded(f"What changed in {_text(each.path)}", diff)
    built = build_lines(report)
    return out + _folded("Build", _list(built), len(built))


def _list(names: Sequence[str]) -> list[str]:
    if not names:
        return []
    return ["<ul>", *(f"<li><code>{_text(name)}</code></li>" for name in names[:SHOWN]), "</ul>", *_more(len(names))]


def _more(number: int) -> list[str]:
    return [f"<p>and {number - SHOWN:,} more; --format json lists all</p>"] if number > SHOWN else []


def _evidence(report: Report) -> list[str]:
    def row(cells: Iterable[str]) -> str:
        first, *rest = cells
        return f'<tr><th scope="row">{_text(first)}</th>{"".join(f"<td>{_text(cell)}</td>" for cell in rest)}</tr>'

    rows = [row((item.name, item.status, item.reason)) for item in report.evidence]
    ran = sum(item.status == "ran" for item in report.rules)
    caption = f"<caption>{ran} of {len(report.rules)} rules were run</caption>"
    head = '<thead><tr><th scope="col">evidence</th><th scope="col">state</th><th scope="col">reason</th></tr></thead>'
    table = [f"<table>{caption}{head}<tbody>", *rows, "</tbody></table>"]
    lines = [f"{item.rule} {item.status}: {item.reason}" for item in report.rules if item.status != "ran"]
    return _folded("Evidence", table + _list(lines) + _list(report.notices))

"""A page with a differential flame graph, the table of shares and the windows of both sides: one file, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

from gate.inflection import count
from gate.report.models.profiles import StripItem
from gate.report.pages.strip import STYLE as STRIP_STYLE
from gate.report.pages.strip import figure
from gate.report.pages.style import STYLE
from gate.report.sections.profiles import continuity_item
from gate.report.text.clean import clean
from gate.report.text.parts import headline, split
from gate.report.text.profiles import function_rows, profile_lines

if TYPE_CHECKING:
    from gate.report.models.report import Report
    from probes.profile.comparison.windows import Comparison, Side
    from probes.profile.heartbeat.facts import ContinuityFacts

    Beats = tuple[ContinuityFacts | None, ContinuityFacts | None]

LEAST = 0.0005
"""Of all samples: narrower boxes are left out."""
MOST = 6000
DEPTH = 120
MOST_WINDOWS = 400


def page(both: Comparison, report: Report, beats: Beats = (None, None)) -> str:
    """The page, ending in a newline. `beats`: the continuity of BASE and NEW, where they are heartbeats.

    Every name is hostile: data is JSON in which no character can end a script.
    """
    script = resources.files("gate.report.pages").joinpath("flame.js").read_text("utf-8")
    style = STYLE + STRIP_STYLE + resources.files("gate.report.pages").joinpath("flame.css").read_text("utf-8")
    data = json.dumps(tree(both), ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    title = f"{report.verdict.upper()}: {headline(report, split(report))}"
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>hotgate: {_text(title)}</title>",
        f"<style>{style}</style>",
        "</head>",
        "<body>",
        f'<header><h1 class="{report.verdict}">{_text(title)}</h1></header>',
        "<main>",
        *_summary(report),
        "<section>",
        "<h2>Differential flame graph</h2>",
        (
            '<p id="legend">A box is as wide as its share of NEW (or of BASE, whichever is larger); <b>+</b> and red: more than in BASE, '
            "<b>&minus;</b> and blue: less, white: alike. Arrow keys move, Enter zooms, Escape zooms out, / searches.</p>"
        ),
        (
            '<p><label for="search">Search</label> <input id="search" type="search" autocomplete="off" spellcheck="false"> '
            '<button type="button" id="reset">Zoom out</button> <output id="found"></output></p>'
        ),
        '<div id="graph" role="tree" aria-label="Stacks, the root first" tabindex="0"></div>',
        '<p id="detail" role="status" aria-live="polite"></p>',
        '<noscript><p class="dim">The graph needs a script; the table below does not.</p></noscript>',
        "</section>",
        *_table(report),
        *_strips(both, beats),
        "</main>",
        f'<script type="application/json" id="data">{data}</script>',
        f"<script>{script}</script>",
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def tree(both: Comparison) -> dict[str, Any]:
    """The stacks as a tree, the root first: names, and of each node its name, its parent and its shares of BASE and NEW.

    Frames are merged by name from the root on. Nodes below `LEAST` of both sides are left out, their samples not.
    """
    sides = [side.counts.sum(axis=1) for side in (both.base, both.new)]
    totals = [max(float(side.sum()), 1.0) for side in sides]
    nodes: list[list[float]] = [[-1, -1, 0.0, 0.0]]
    children: dict[tuple[int, int], int] = {}
    heavy = [row for row in range(len(both.table)) if sides[0][row] or sides[1][row]]
    heavy.sort(key=lambda row: -(sides[0][row] / totals[0] + sides[1][row] / totals[1]))
    for row in heavy[: 20 * MOST]:
        shares = [float(side[row]) / total for side, total in zip(sides, totals, strict=True)]
        at = 0
        nodes[0][2] += shares[0]
        nodes[0][3] += shares[1]
        frames = both.table.frames[both.table.offsets[row] : both.table.offsets[row + 1]][::-1][:DEPTH].tolist()
        for frame in frames:
            key = (at, frame)
            if key not in children:
                children[key] = len(nodes)
                nodes.append([frame, at, 0.0, 0.0])
            at = children[key]
            nodes[at][2] += shares[0]
            nodes[at][3] += shares[1]
    return _pruned(nodes, both.names)


def _pruned(nodes: list[list[float]], names: Any) -> dict[str, Any]:
    large = sorted((i for i in range(len(nodes)) if max(nodes[i][2:]) >= LEAST), key=lambda i: -max(nodes[i][2:]))[
        :MOST
    ]
    kept = {0, *large}
    place: dict[int, int] = {}
    used: dict[str, int] = {}
    out: list[list[float]] = []
    for index in sorted(kept):  # a parent comes before its children, and is never smaller
        name, parent, base, new = nodes[index]
        if index and int(parent) not in place:
            continue
        place[index] = len(out)
        text = clean(names[int(name)]) if index else "all"
        out.append([used.setdefault(text, len(used)), place.get(int(parent), -1), round(base, 6), round(new, 6)])
    return {"names": list(used), "nodes": out}


def _text(text: str) -> str:
    return escape(clean(text), quote=True)


def _summary(report: Report) -> list[str]:
    if report.profile is None:
        return []
    lines = [f"<li>{_text(line)}</li>" for line in profile_lines(report.profile)]
    findings = [f"<li><b>{_text(f.rule)}</b> {_text(f.message)}</li>" for f in report.findings]
    return ["<section>", "<ul>", *findings, *lines, "</ul>", "</section>"]


def _table(report: Report) -> list[str]:
    comparison = report.profile.comparison if report.profile is not None else None
    if comparison is None:
        return []
    heads = ("change", "function", "share of BASE", "share of NEW (95%)", "growth")
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    rows = [
        "<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in function_rows(comparison, 200)
    ]
    table = ['<div class="shares" role="region" tabindex="0" aria-label="Shares">']
    table += [f"<table><thead><tr>{head}</tr></thead><tbody>", *rows, "</tbody></table></div>"]
    return ["<section>", "<h2>Shares</h2>", *table, "</section>"]


def _strips(both: Comparison, beats: Beats) -> list[str]:
    out = ["<section>", "<h2>Windows</h2>"]
    for name, side, beat in zip(("BASE", "NEW"), (both.base, both.new), beats, strict=True):
        strip = continuity_item(beat).strip if beat is not None else _bars(side)
        counts = [item.samples for item in strip if item.kind == "window"]
        label = f"{name}: {count(len(counts), 'window')}"
        label += f" of {min(counts):,} to {max(counts):,} samples" if counts else ""
        label += f", continuity {beat.score:.1f} of 100" if beat is not None else ""
        out += figure(strip, label, name.lower())
    return [*out, "</section>"]


def _bars(side: Side) -> list[StripItem]:
    """The windows alone, of profiles that were taken for the comparison: there is no heartbeat to speak of."""
    pairs = list(zip(side.starts.tolist(), side.totals.tolist(), strict=True))
    return [StripItem("window", at, i, 0, round(total), "") for i, (at, total) in enumerate(pairs, 1)][-MOST_WINDOWS:]

"""A rehearsal's rounds as pictures: answers a second and losses over time, with the trigger and the take-over marked."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from gate.report.text.clean import clean
from gate.report.text.rehearsal import drill_row, rehearsal_lines, update_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gate.report.models.rehearsal import RehearsalSection, TimelineItem, UpdateItem

SLOT = 9
HEIGHT = 48
BAND = 14
SHOWN = 60
"""Rounds that are drawn."""

STYLE = """
.round { margin: .6rem 0; } .round svg { display: block; max-width: 100%; fill: var(--info); } .round .lost { fill: var(--block); }
.round .silent { fill: none; stroke: var(--dim); } .round .mark { stroke: var(--text); stroke-width: 1.5; }
.round .taken { stroke: var(--pass); stroke-width: 1.5; stroke-dasharray: 4 2; } .round text { font: 11px system-ui, sans-serif; fill: var(--text); }
"""


def rehearsal_page(section: RehearsalSection) -> list[str]:
    """Lines of HTML inside a section."""
    lines = ["<ul>", *(f"<li>{_text(line)}</li>" for line in rehearsal_lines(section)), "</ul>"]
    heads = ("update", "outcome", "take-over", "longest pause", "requests", "losses")
    lines += _table(heads, [update_row(each) for each in section.updates])
    for update in section.updates[:SHOWN]:
        if update.timeline.counts:
            lines += _round(update)
    lines += _table(("drill", "outcome", "what was seen"), [drill_row(each) for each in section.drills])
    left = [
        (
            str(each.number),
            *map(
                str,
                (
                    f.descriptors,
                    f"{f.memory / 1e6:.1f} MB",
                    f.threads,
                    f.processes,
                    f.files,
                    f.goroutines if f.goroutines is not None else "",
                ),
            ),
        )
        for each in section.updates
        if (f := each.left) is not None
    ]
    return lines + _table(
        ("after update", "descriptors", "memory", "threads", "processes", "files", "goroutines"), left
    )


def _text(value: str) -> str:
    return escape(clean(value), quote=True)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = ["<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    return [f"<table><thead><tr>{head}</tr></thead><tbody>", *body, "</tbody></table>"]


def _round(update: UpdateItem) -> list[str]:
    way, outcome, take_over, pause, requests, lost = update_row(update)
    label = f"Update {way}: {outcome}"
    label += f" after {take_over}" if take_over else ""
    label += f", longest pause {pause}" if pause else ""
    label += f", {requests} requests, {lost}"
    return [
        f'<figure class="round"><figcaption>{_text(label)}</figcaption>',
        draw(update.timeline, update.take_over, label),
        "</figure>",
    ]


def draw(timeline: TimelineItem, take_over: float | None, label: str) -> str:
    """The picture: a bar a step, losses hatched on top by a second bar, a line at the trigger and a dashed one at the take-over."""
    most = max((good + failed for good, failed in timeline.counts), default=0) or 1
    low = BAND + HEIGHT
    shapes = []
    for place, (good, failed) in enumerate(timeline.counts):
        x = place * SLOT
        high, bad = HEIGHT * good / most, HEIGHT * failed / most
        begin = place * timeline.step - timeline.before
        title = f"<title>{begin:,.0f} ms: {good:,} answered, {failed:,} lost</title>"
        bars = f'<rect x="{x + 1}" y="{low - high:.1f}" width="{SLOT - 2}" height="{high:.1f}"/>' if good else ""
        bars += (
            f'<rect class="lost" x="{x + 1}" y="{low - high - bad:.1f}" width="{SLOT - 2}" height="{bad:.1f}"/>'
            if failed
            else ""
        )
        bars = bars or f'<rect class="silent" x="{x + 1.5}" y="{low - 4}" width="{SLOT - 3}" height="3.5"/>'
        shapes.append(f"<g>{title}{bars}</g>")
    width = max(len(timeline.counts) * SLOT, SLOT)
    shapes.append(_mark(timeline, 0.0, "mark", "trigger"))
    if take_over is not None and take_over <= width / SLOT * timeline.step:
        shapes.append(_mark(timeline, take_over, "taken", "NEW answers"))
    box = f'viewBox="0 0 {width} {low}" width="{width}" height="{low}"'
    return f'<svg role="img" aria-label="{_text(label)}" {box}>{"".join(shapes)}</svg>'


def _mark(timeline: TimelineItem, at: float, kind: str, name: str) -> str:
    x = (timeline.before + at) / timeline.step * SLOT
    y = 10 if kind == "mark" else BAND + 8
    return f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{BAND}" y2="{BAND + HEIGHT}"/><text x="{x + 2:.1f}" y="{y}">{name}</text>'

"""The heartbeat's strip as a picture: its shapes, patterns and signs tell all apart without a colour, and a list says it in words."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from gate.inflection import count
from gate.report.text.clean import clean
from gate.report.text.strip import SIGNS, legend, moment, places, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gate.report.models.profiles import StripItem

SLOT = 12
"""Of a window, in pixels: wide enough for a sign."""
BAND = 16
"""The height of the row of signs above the windows."""
HEIGHT = 44
ICON = 18
"""The height of a shape in the legend."""
FOLDED = 12
"""More events than this are folded away."""

STYLE = """
.strip { overflow-x: auto; margin: .3rem 0; } .strip svg { display: block; fill: var(--info); }
.strip:focus-visible { outline: 3px solid var(--info); outline-offset: 2px; } .strip-key svg { vertical-align: -3px; fill: var(--info); }
.strip text, .strip-key text { font: bold 13px ui-monospace, monospace; text-anchor: middle; fill: var(--text); }
.strip .frame, .strip-key .frame { stroke: var(--text); stroke-width: 1; } .strip .thin, .strip-key .thin { fill: none; stroke: var(--text); }
.strip .hole, .strip-key .hole { fill: var(--ground); } .strip-key { padding: 0; list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; }
.strip-axis { display: flex; justify-content: space-between; gap: 1rem; margin: 0; font-size: .85rem;
  white-space: nowrap; border-top: 1px solid var(--line); }
.strip-events { margin: .3rem 0 1rem; } .strip-events ol { margin: .3rem 0; padding-left: 1.4rem; }
"""


def figure(strip: Sequence[StripItem], label: str, prefix: str) -> list[str]:
    """Lines of HTML: the strip, what its signs mean, and its events in words; `prefix` makes ids unique on a page."""
    total = sum(places(item) for item in strip)
    body, at = [], 0
    most = max((item.samples for item in strip if item.kind == "window"), default=0)
    for item in strip:
        wide = SLOT * places(item)
        body.append(
            f"<g><title>{_text(_when(item))}</title>{_sign(item, at, wide)}{_shape(item, at, wide, HEIGHT, most, prefix)}</g>"
        )
        at += wide
    events = [item for item in strip if item.kind != "window"]
    summary = f"{label}. {count(len(events), 'event') if events else 'No event'}"
    summary += ", listed below." if events else "."
    width = max(SLOT * total, SLOT)
    return [
        f"<p>{_text(label)}</p>",
        f'<div class="strip" role="region" tabindex="0" aria-label="{_text(label)}">',
        (
            f'<svg role="img" aria-label="{_text(summary)}" viewBox="0 0 {width} {BAND + HEIGHT}" width="{width}" '
            f'height="{BAND + HEIGHT}">{_patterns(prefix)}{"".join(body)}</svg>'
        ),
        *_axis(strip, width),
        "</div>",
        *_key(strip, prefix),
        *_events(events),
    ]


def _text(value: str) -> str:
    return escape(clean(value), quote=True)


def _sign(item: StripItem, x: int, wide: int) -> str:
    return "" if item.kind == "window" else f'<text x="{x + wide / 2:g}" y="12">{escape(SIGNS[item.kind][0])}</text>'


def _when(item: StripItem) -> str:
    at = moment(item.wall)
    return f"{at}: {words(item)}" if at else words(item)


def _patterns(prefix: str) -> str:
    """Of what is missing: stripes for a gap, a grid for a restart, dots for silence."""
    drawn = {
        "gap": '<path class="thin" d="M-1 1 1 -1M0 6 6 0M5 7 7 5"/>',
        "restart": '<path class="thin" d="M0 3H6M3 0V6"/>',
        "silence": '<circle class="frame" cx="3" cy="3" r=".7"/>',
    }
    made = (
        f'<pattern id="{prefix}-{kind}" width="6" height="6" patternUnits="userSpaceOnUse">{shape}</pattern>'
        for kind, shape in drawn.items()
    )
    return f"<defs>{''.join(made)}</defs>"


def _shape(item: StripItem, x: int, wide: int, high: float, most: int, prefix: str) -> str:  # noqa: PLR0913, PLR0917
    """What stands for `item` in the box of `wide` by `high` at `x` below the signs."""
    low = BAND + high
    bar = max(high * min(item.samples / most, 1.0), 1.0) if most else 1.0
    if item.kind == "window":
        return f'<rect x="{x + 1}" y="{low - bar:.1f}" width="{wide - 2}" height="{bar:.1f}"/>'
    if item.kind == "short":
        return _box(x, low - bar, wide, bar, "hole frame", ' stroke-dasharray="3 2"')
    if item.kind == "yielded":
        return _box(x, low - 10, wide, 10, "hole frame")
    if item.kind == "failed":
        left, right, top, end = x + 1.5, x + wide - 1.5, BAND + 0.5, low - 0.5
        cross = f'<path class="thin" d="M{left} {top}L{right} {end}M{right} {top}L{left} {end}"/>'
        return _box(x, BAND, wide, high, "hole frame") + cross
    if item.kind in ("gap", "restart", "silence"):
        return _box(x, BAND, wide, high, "frame", f' fill="url(#{prefix}-{item.kind})"')
    return f'<path class="thin" d="{_line(item.kind, x + wide / 2, low)}"/>'


def _line(kind: str, x: float, low: float) -> str:
    """What happened between two windows: a line, two, a zigzag, or one with bars at its ends."""
    if kind == "hand-over":
        return f"M{x:g} {BAND}V{low:g}"
    if kind == "lost":
        return f"M{x - 2:g} {BAND}V{low:g}M{x + 2:g} {BAND}V{low:g}"
    if kind == "rate":
        step = 5.5
        turns = (f"L{x + (3 if n % 2 else -3):g} {BAND + n * step:g}" for n in range(1, int((low - BAND) / step)))
        return f"M{x:g} {BAND}{''.join(turns)}L{x:g} {low:g}"
    return f"M{x - 4:g} {BAND + 0.5}H{x + 4:g}M{x:g} {BAND}V{low:g}M{x - 4:g} {low - 0.5:g}H{x + 4:g}"


def _box(x: float, y: float, wide: float, high: float, kind: str, more: str = "") -> str:  # noqa: PLR0913, PLR0917
    return (
        f'<rect class="{kind}" x="{x + 1.5:g}" y="{y + 0.5:.1f}" width="{wide - 3:g}" '
        f'height="{max(high - 1, 0.5):.1f}"{more}/>'
    )


def _axis(strip: Sequence[StripItem], width: int) -> list[str]:
    ends = [moment(item.wall) for item in (strip[0], strip[-1])] if strip else []
    if not any(ends):
        return []
    spans = "".join(f"<span>{each}</span>" for each in ends)
    return [f'<p class="strip-axis dim" style="width:max(24rem,{width}px)">{spans}</p>']


def _key(strip: Sequence[StripItem], prefix: str) -> list[str]:
    """What the signs mean, each beside the shape that it is drawn with."""
    found = legend(strip)
    if not found:
        return []
    rows = []
    for kind, sign, name in found:
        like = next(item for item in strip if item.kind == kind)
        drawn = _shape(like, 0, SLOT, ICON, max(like.samples, 1), prefix)
        box = f'viewBox="0 {BAND} {SLOT} {ICON}" width="{SLOT}" height="{ICON}"'
        rows.append(f'<li><svg {box} aria-hidden="true">{drawn}</svg> <b>{_text(sign)}</b> {_text(name)}</li>')
    return ['<ul class="strip-key" aria-label="Signs">', *rows, "</ul>"]


def _events(events: Sequence[StripItem]) -> list[str]:
    if not events:
        return []
    shown = " open" if len(events) <= FOLDED else ""
    rows = [f"<li>{_text(_when(item))}</li>" for item in events]
    return [
        f'<details class="strip-events"{shown}><summary>{count(len(events), "event")}</summary><ol>',
        *rows,
        "</ol></details>",
    ]

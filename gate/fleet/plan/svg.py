"""The graph as a picture: levels from left to right, an arrow from each component to what waits for it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from gate.inflection import count

if TYPE_CHECKING:
    from gate.fleet.order.graph import Order
    from gate.fleet.plan.model import Plan

WIDTH, HEIGHT = 168, 44
ACROSS, DOWN = 248, 64
MARGIN, HEAD = 24, 56
MOST = 22
"""Letters of a name that fit; the rest is in the title."""

_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1b1f24; } .v { font-size: 11px; fill: #57606a; }
rect { fill: #fff; stroke: #57606a; } path { fill: none; stroke: #57606a; stroke-width: 1.4; }
.schema { stroke-width: 3; } .queue { stroke-dasharray: 7 4; } .interface { stroke-dasharray: 2 4; stroke-width: 2; }
marker path { fill: #57606a; stroke: none; }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .v { fill: #9aa5b1; } rect { fill: #161b22; stroke: #9aa5b1; }
  path { stroke: #9aa5b1; } marker path { fill: #9aa5b1; } }
"""
_TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
    'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>'
)
_LEGEND = (("depends_on", "depends on"), ("schema", "schema"), ("queue", "queue"), ("interface", "interface"))


def render(plan: Plan) -> str:
    """A picture that stands for itself, with titles for what does not fit."""
    order = plan.order
    places = _places(order)
    tallest = max(len(level) for level in order.levels)
    width = 2 * MARGIN + WIDTH + ACROSS * (len(order.levels) - 1)
    width = max(width, 560)
    height = HEAD + MARGIN + DOWN * tallest
    said = f"{plan.release.name}: {count(len(order.names), 'component')} in {count(len(order.levels), 'level')}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">',
        f"<title>{escape(said)}</title>",
        f"<desc>{escape('; '.join(edge.why for edge in order.edges)[:20_000])}</desc>",
        f"<style>{_STYLE}</style>",
        _TIP,
    ]
    lines += _legend({edge.kind for edge in order.edges})
    for edge in order.edges:
        (x1, y1), (x2, y2) = places[edge.before], places[edge.after]
        x1, y1, y2 = x1 + WIDTH, y1 + HEIGHT // 2, y2 + HEIGHT // 2
        bend = max((x2 - x1) // 2, 30)
        lines.append(
            f'<path class="{edge.kind}" marker-end="url(#tip)" d="M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}">'
            f"<title>{escape(edge.why)}</title></path>"
        )
    for each in plan.release.components:
        x, y = places[each.name]
        shown = each.name if len(each.name) <= MOST else each.name[: MOST - 1] + "…"
        lines.append(
            f'<g><title>{escape(f"{each.name} {each.version}")}</title><rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
            f'<text x="{x + 10}" y="{y + 19}">{escape(shown)}</text>'
            f'<text class="v" x="{x + 10}" y="{y + 35}">{escape(each.version[:26])}</text></g>'
        )
    return "\n".join([*lines, "</svg>"]) + "\n"


def _places(order: Order) -> dict[str, tuple[int, int]]:
    """Corners of the boxes. In a level, a component is near what it waits for (barycentre of those before it)."""
    rank: dict[str, float] = {}
    places: dict[str, tuple[int, int]] = {}
    for column, level in enumerate(order.levels):
        known = {name: [rank[edge.before] for edge in order.before[name]] for name in level}
        ordered = sorted(level, key=lambda name: sum(known[name]) / len(known[name]) if known[name] else 0.0)
        for row, name in enumerate(ordered):
            rank[name] = row
            places[name] = (MARGIN + column * ACROSS, HEAD + row * DOWN)
    return places


def _legend(kinds: set[str]) -> list[str]:
    lines, x = [], MARGIN
    for kind, words in _LEGEND:
        if kind in kinds:
            lines.append(f'<path class="{kind}" d="M{x} 24h34"/><text class="v" x="{x + 40}" y="28">{words}</text>')
            x += 128
    return lines

"""The graph in Graphviz's language."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gate.fleet.plan.model import Plan

STYLES = {"depends_on": "solid", "schema": "bold", "queue": "dashed", "interface": "dotted"}


def render(plan: Plan) -> str:
    """`digraph`, with a rank for each level; names are safe, as the plan's reader refuses all others."""
    lines = ["digraph release {", "  rankdir=LR;", "  node [shape=box, fontname=sans];"]
    lines += [f'  "{each.name}" [label="{each.name}\\n{each.version}"];' for each in plan.release.components]
    lines += ["  { rank=same; " + " ".join(f'"{name}";' for name in level) + " }" for level in plan.order.levels]
    for edge in plan.order.edges:
        label = "" if edge.kind == "depends_on" else f', label="{edge.kind}"'
        lines.append(f'  "{edge.before}" -> "{edge.after}" [style={STYLES[edge.kind]}{label}];')
    return "\n".join([*lines, "}"]) + "\n"

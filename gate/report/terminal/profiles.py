"""The terminal report's section on profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from gate.report.terminal.console import heading_line
from gate.report.text.clean import clean
from gate.report.text.profiles import function_rows, profile_lines
from gate.report.text.strip import legend, text
from gate.report.text.wrap import paragraph

if TYPE_CHECKING:
    from rich.console import Console

    from gate.report.models.profiles import ComparisonItem, ContinuityItem
    from gate.report.models.report import Report

BAR = 20
STYLES = {"▲": "red", "▼": "green", "⇄": "yellow", "↩": "yellow"}


def show(console: Console, report: Report) -> None:
    """Write the section; nothing without profiles."""
    if report.profile is None:
        return
    heading_line(console, f"Profile: {clean(report.profile.source)}")
    for line in profile_lines(report.profile):
        paragraph(console, Text(clean(line)), indent=2, hang=2)
    if report.profile.continuity is not None and report.profile.continuity.strip:
        _strip(console, report.profile.continuity)
    if report.profile.comparison is not None:
        _functions(console, report.profile.comparison)


def _strip(console: Console, item: ContinuityItem) -> None:
    """A character for each window, and a sign where something happened: what it was is in the lines above."""
    paragraph(console, Text(text(item.strip)), indent=2, hang=2)
    signs = ", ".join(f"{sign} {name}" for _, sign, name in legend(item.strip))
    if signs:
        paragraph(console, Text(signs, "dim"), indent=2, hang=2)


def _functions(console: Console, item: ComparisonItem) -> None:
    """A bar for each side: what both have, and then what one of them has more of."""
    rows = function_rows(item)
    if not rows:
        return
    most = max(max(each.base_cumulative, each.new_cumulative, 1e-9) for each in item.functions[: len(rows)])
    for each, (what, name, before, after, grown) in zip(item.functions, rows, strict=False):
        flat = each.by == "flat"
        base, new = (each.base_flat, each.new_flat) if flat else (each.base_cumulative, each.new_cumulative)
        low, high = (round(BAR * value / most) for value in sorted((base, new)))
        bar = "█" * low + ("▒" if new >= base else "░") * (high - low)
        line = Text.assemble(
            (f"{what:<11}", STYLES.get(what[:1], "dim")),
            f"{bar:<{BAR}} {before:>7} → {after}, {grown}  ",
            (clean(name), "bold"),
        )
        paragraph(console, line, indent=2, hang=13)

"""The terminal report's section on a rehearsal: a line and a strip for every round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from gate.report.terminal.console import heading_line
from gate.report.text.clean import clean
from gate.report.text.rehearsal import LEGEND, ROWS, drill_row, rehearsal_lines, strip, update_row
from gate.report.text.wrap import paragraph

if TYPE_CHECKING:
    from rich.console import Console

    from gate.report.models.report import Report

WAY = 14


def show(console: Console, report: Report) -> None:
    """Write the section; nothing without a rehearsal."""
    section = report.rehearsal
    if section is None:
        return
    heading_line(console, "Rehearsal")
    for said in rehearsal_lines(section):
        paragraph(console, Text(clean(said)), indent=2, hang=2)
    for update in section.updates[:ROWS]:
        way, outcome, take_over, pause, requests, lost = update_row(update)
        figures = ", ".join(
            filter(
                None, (take_over and f"after {take_over}", pause and f"pause {pause}", lost and f"{lost} of {requests}")
            )
        )
        good = update.outcome == "taken-over" and not update.lost
        line = Text.assemble((f"{way:<{WAY}}", "" if good else "red"), clean(f"{outcome}; {figures}"))
        paragraph(console, line, indent=2 + WAY, hang=2)
        if update.timeline.counts:
            paragraph(console, Text(strip(update.timeline), "dim"), indent=2 + WAY, hang=2 + WAY)
    if len(section.updates) > ROWS:
        paragraph(console, Text(f"and {len(section.updates) - ROWS:,} more; --format json lists all", "dim"), indent=2)
    if any(update.timeline.counts for update in section.updates):
        paragraph(console, Text(LEGEND, "dim"), indent=2 + WAY, hang=2 + WAY)
    for drill in section.drills[:ROWS]:
        name, outcome, detail = drill_row(drill)
        styled = (f"{clean(name):<{WAY}}", "" if drill.outcome in ("held", "not-tried") else "red")
        paragraph(console, Text.assemble(styled, clean(f"{outcome}; {detail}")), indent=2 + WAY, hang=2)

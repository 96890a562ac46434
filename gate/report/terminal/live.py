"""The terminal report's section on the running service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from gate.report.terminal.console import heading_line
from gate.report.text.clean import clean
from gate.report.text.parts import service_of
from gate.report.text.wrap import paragraph

if TYPE_CHECKING:
    from rich.console import Console

    from gate.report.models.report import Report

COLUMN = 13


def show(console: Console, report: Report) -> None:
    """Write the section; nothing without live evidence."""
    if report.live is None:
        return
    heading_line(console, f"Live: {clean(service_of(report.live))}")
    for item in report.live.topics:
        line = Text.assemble(f"{clean(item.topic):<{COLUMN}}", clean(item.said), (f" ({clean(item.source)})", "dim"))
        paragraph(console, line, indent=2 + COLUMN, hang=2)
    for note in report.live.notes:
        paragraph(console, Text.assemble(("note: ", "bold"), clean(note)), indent=2)

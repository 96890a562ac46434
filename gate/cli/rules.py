"""List the rules."""

from __future__ import annotations

import json

import click

from gate.cli._shared.output import print_text, terminal_width, wants_color


@click.command("rules")
@click.option("--format", "format_name", type=click.Choice(("terminal", "json")), default="terminal", show_default=True)
def command(*, format_name: str) -> None:
    """List the rules: id, default severity, title."""
    from gate.rules.base import discover

    rules = [(rule.id, "inconclusive" if rule.inconclusive else rule.severity.value, rule.title) for rule in discover()]
    if format_name == "json":
        rows = [{"id": rule_id, "severity": severity, "title": title} for rule_id, severity, title in rules]
        print_text(json.dumps(rows, indent=2) + "\n")
        return
    from rich.table import Table
    from rich.text import Text

    from gate.report.terminal.console import RULE_STYLES, make_console, text_of

    console = make_console(terminal_width(), color=wants_color())
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("rule", "default", "fires when"):
        table.add_column(heading)
    for rule_id, severity, title in rules:
        table.add_row(rule_id, Text(severity, RULE_STYLES.get(severity, "yellow")), title)
    console.print(table)
    print_text(text_of(console) + "\nhotgate explain HG201 tells all about one of them.\n")

"""Show a saved report in another format."""

from __future__ import annotations

import click

from gate.cli._shared.output import parse_outputs, refuse_overwriting, write_report
from gate.report import formats


@click.command("render", epilog="Exit codes: 0 whatever the report's verdict is, 2 usage or unreadable input.")
@click.argument("report", type=click.Path())
@click.option(
    "--format", "format_name", type=click.Choice(formats.names()), help="What stdout gets (default: terminal)."
)
@click.option("--output", metavar="FORMAT=PATH", multiple=True, help="Write a format to a file as well; repeatable.")
def command(report: str, *, format_name: str | None, output: tuple[str, ...]) -> int:
    """Show REPORT, which `check` saved with --output json=FILE, as `check` would have in that format."""
    outputs = parse_outputs(format_name, output)
    refuse_overwriting(outputs, {"the report that is read": report})
    from gate.report.saved import load_report

    write_report(load_report(report), outputs)
    return 0

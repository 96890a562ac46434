"""Print the JSON Schema of the report."""

from __future__ import annotations

import click

from gate.cli._output import print_text


@click.command("schema")
def command() -> None:
    """Print the JSON Schema (2020-12) that every `--format json` report obeys."""
    from gate.report.schema import shipped

    print_text(shipped())

"""Print the JSON Schema of the report."""

from __future__ import annotations

import click

from gate.cli._shared.output import print_text


@click.command("schema")
def command() -> None:
    """Print the JSON Schema (2020-12) that every `--format json` report obeys."""
    from gate.report.models.schema import shipped

    print_text(shipped())

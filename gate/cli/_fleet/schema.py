"""Print the JSON Schema of release.yaml."""

from __future__ import annotations

import click

from gate.cli._shared.output import print_text


@click.command("schema")
def command() -> None:
    """Print the JSON Schema (2020-12) of release.yaml, which editors complete and check by."""
    from gate.fleet.release.schema import shipped

    print_text(shipped())

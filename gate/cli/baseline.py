"""Write a baseline: findings that are known and no longer block."""

from __future__ import annotations

import click

from gate.cli._shared.output import Output, print_text, refuse_overwriting, write_whole


@click.group("baseline")
def command() -> None:
    """Write a baseline: findings that are known and no longer block."""


@command.command("write")
@click.argument("report", type=click.Path())
@click.option("-o", "--output", metavar="FILE", default="-", help="Where to (default: stdout).")
def write(*, report: str, output: str) -> None:
    """Write the findings of REPORT, a saved JSON report, as a baseline for `check --baseline`.

    A finding is known by its rule and subject: a function that the policy protects stays known however it changes next.
    What could not be verified is left out.
    """
    refuse_overwriting([Output("baseline", output)], {"the report that is read": report})
    from gate.report.baseline import dump_baseline
    from gate.report.saved import load_report

    text = dump_baseline(load_report(report))
    if output == "-":
        print_text(text)
    else:
        write_whole(output, text)

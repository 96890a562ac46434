"""Write a release for an engine that carries it out, with a runbook."""

from __future__ import annotations

import click

from gate.cli._fleet._options import load, plan_options
from gate.cli._shared.output import print_text

ENGINES = ("ansible", "argo-workflows")


@click.command(
    "render", epilog="Exit codes: 0, 2 usage, or a plan that cannot be carried out; then nothing is written."
)
@plan_options
@click.option("--engine", type=click.Choice(ENGINES), required=True, help="For which one.")
@click.option("-o", "--output", metavar="DIR", required=True, help="The folder, made if it is missing.")
def command(release: str, *, inventory: str | None, engine: str, output: str) -> None:
    """Write RELEASE as files for people to read and keep: playbooks and roles, or a Workflow and the steps of Rollouts; and a runbook.

    The files depend on the plan alone; with --inventory it is checked that every group has hosts. Files that were rendered before are
    replaced, all others are left alone.
    """
    from typing import get_args

    from gate.fleet.engines import rendering, writing
    from gate.inflection import count

    plan = load(release, inventory)
    chosen = next(each for each in get_args(rendering.Engine) if each == engine)
    files = rendering.render(plan, chosen)
    changed, gone = writing.write(output, files, rendering.MARK)
    removed = f", {gone} removed" if gone else ""
    print_text(f"{output}: {count(len(files), 'file')}, {changed} changed{removed}\n")

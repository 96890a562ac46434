"""Show the order of a release, its batches and hosts, the least time, and the way back."""

from __future__ import annotations

import click

from gate.cli._fleet._options import load, plan_options
from gate.cli._shared.output import Output, print_text, refuse_overwriting, write_whole

FORMATS = ("text", "json", "dot", "svg")


@click.command("plan", epilog="Exit codes: 0, 2 usage, or a plan that cannot be carried out.")
@plan_options
@click.option("--format", "format_name", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("-o", "--output", metavar="FILE", default="-", help="Where to (default: stdout).")
def command(release: str, *, inventory: str | None, format_name: str, output: str) -> None:
    """Show the order of RELEASE, which levels may run side by side, the hosts of each batch, and the way back."""
    refuse_overwriting([Output(format_name, output)], {"the plan": release, "the inventory": inventory})
    text = _rendered(release, inventory, format_name)
    if output == "-":
        print_text(text)
    else:
        write_whole(output, text)


def _rendered(release: str, inventory: str | None, format_name: str) -> str:
    import json

    from gate.fleet.plan import dot, shape, svg, text

    plan = load(release, inventory)
    if format_name == "json":
        return json.dumps(shape.shape(plan), indent=1, ensure_ascii=False) + "\n"
    if format_name == "dot":
        return dot.render(plan)
    return svg.render(plan) if format_name == "svg" else text.render(plan)

"""Check a release plan, its order and its inventory; nothing is rendered."""

from __future__ import annotations

import click

from gate.cli._fleet._options import load, plan_options
from gate.cli._shared.output import print_text


@click.command("validate", epilog="Exit codes: 0, 2 usage, or a plan that cannot be carried out.")
@plan_options
def command(release: str, *, inventory: str | None) -> int:
    """Check RELEASE: keys and names, that there is an order, that the batches reach all hosts."""
    from gate.inflection import count

    plan = load(release, inventory)
    print_text(
        f"{release}: {count(len(plan.order.names), 'component')} in {count(len(plan.stages), 'stage')}, in order\n"
    )
    return 0

"""Ask the hosts' sidecars which version runs where, and tell what differs from the plan."""

from __future__ import annotations

import click

from gate.cli import Failure
from gate.cli._fleet._options import plan_options
from gate.cli._shared.output import print_text


@click.command(
    "status",
    epilog="Exit codes: 0 as planned, 10 something else runs, 11 something is not known, 2 usage or unreadable input.",
)
@plan_options
@click.option("--prometheus", metavar="URL", help="Ask this Prometheus, which scrapes the sidecars, instead of them.")
@click.option(
    "--token-file",
    type=click.Path(),
    metavar="FILE",
    envvar="HOTGATE_TOKEN_FILE",
    help="File with the bearer token of the sidecars.",
)
@click.option("--format", "format_name", type=click.Choice(("text", "json")), default="text", show_default=True)
def command(
    release: str, *, inventory: str | None, prometheus: str | None, token_file: str | None, format_name: str
) -> int:
    """Ask which version of each component of RELEASE runs on which host, how far the batches are, and what differs from the plan.

    A host's sidecar is at port 9847 of it, or where the inventory's variable `hotgate_sidecar` says.
    """
    if inventory is None:
        raise Failure("which hosts?", hint="pass --inventory FILE")
    import asyncio
    import json

    from gate.fleet.inventory.reading import load_inventory
    from gate.fleet.plan.model import make_plan
    from gate.fleet.release.reading import load_release
    from gate.fleet.status import asking, drift
    from gate.policy.token_file import read_token

    hosts = load_inventory(inventory)
    plan = make_plan(load_release(release), hosts)
    token = read_token(token_file) if token_file else ""
    if prometheus is None:
        seen = asyncio.run(asking.ask_sidecars(plan, hosts, token))
    else:
        seen = asyncio.run(asking.ask_prometheus(plan, hosts, prometheus))
    found = drift.status_of(plan, seen)
    if format_name == "json":
        print_text(json.dumps(drift.shape(plan, found), indent=1, ensure_ascii=False) + "\n")
    else:
        print_text(drift.render(plan, found))
    return found.exit_code

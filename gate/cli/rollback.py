"""Take the release of a service on this host back: the one before runs again."""

from __future__ import annotations

import click

from gate.cli import Failure
from gate.cli._shared.operation import EPILOG, end, ground, operation_options

MAX_REASON = 500


@click.command("rollback", epilog=EPILOG)
@operation_options
@click.option("--force", metavar="REASON", help="Whatever the gate says. The reason goes into the audit log.")
def command(name: str, *, path: str | None, store: str | None, log: str, force: str | None) -> int:
    """Have the release that `previous` names run again, as the table [host.NAME] says: gate, switch, trigger, take-over.

    A block stops before the switch, and nothing has changed, unless --force says why it is not to count.
    """
    if force is not None and not (force.strip() and len(force) <= MAX_REASON):
        raise Failure("--force needs a reason", hint=f"--force 'why', of at most {MAX_REASON} characters")
    from gate.apply import run

    with ground(name, path, store, log) as found:
        outcome = run.rollback(found, force or "")
    return end(outcome, log)

"""Bring a release to this host: fetch, judge, switch, watch, and take it back if it is bad."""

from __future__ import annotations

import click

from gate.cli._shared.operation import EPILOG, end, ground, operation_options


@click.command("apply", epilog=EPILOG)
@operation_options
@click.option(
    "--repo", "repository", metavar="URL", help="The repository: https, file or a folder (default: the table's)."
)
@click.option("--version", "version", metavar="VERSION", help="Which release (default: the newest).")
@click.option("--dry-run", is_flag=True, help="Fetch and judge, and stop there.")
@click.option("--first", is_flag=True, help="There is no release of the service on this host yet.")
@click.option("--resume", is_flag=True, help="End an operation that was killed: it goes on, or goes back.")
def command(  # noqa: PLR0913 - keywords, one a flag
    name: str,
    *,
    path: str | None,
    store: str | None,
    log: str,
    repository: str | None,
    version: str | None,
    dry_run: bool,
    first: bool,
    resume: bool,
) -> int:
    """Bring a release of the service NAME to this host, as its table [host.NAME] says.

    Stages: fetch, assemble, prewarm, gate, switch, trigger, take-over, watch; and back, where it crashes, hangs or fails its
    rules. A block stops before the switch, and nothing has changed.
    """
    if resume and (repository or version or dry_run or first):
        raise click.UsageError("--resume takes nothing else: the journal knows what was begun")
    from gate.apply import run
    from gate.apply.outcome import Outcome

    with ground(name, path, store, log) as found:
        if resume:
            outcome = run.go_on(found) or Outcome(
                name, "as-it-was", f"no operation on {name} is unfinished: nothing to do"
            )
        else:
            outcome = run.apply(found, run.Wanted(repository or "", version or "", dry_run=dry_run, first=first))
    return end(outcome, log)

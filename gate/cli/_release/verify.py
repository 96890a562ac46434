"""Check every signature, digest and delta."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from gate.cli._release._options import EXIT_NOT_WHOLE, repository_argument, warn
from gate.cli._shared.ending import clean_up_on_sigterm
from gate.cli._shared.output import print_text
from gate.cli._shared.progress import Progress

MOST = 50


@click.command("verify", epilog="Exit codes: 0 the repository is whole, 10 it is not, 2 there is none.")
@repository_argument
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The root of trust that the hosts have (default: REPO's own first one).",
)
@click.option("--quiet", is_flag=True, help="No line on a terminal's stderr that says what is being done.")
def command(repo: Path, *, root: Path | None, quiet: bool) -> int:
    """Read REPO as a host does, hold every file against its digest, and apply every delta."""
    from gate.inflection import count
    from gate.release.errors import ReleaseError
    from gate.release.repository.store import Repository
    from gate.release.repository.verifying import verify
    from gate.report.text.clean import clean

    clean_up_on_sigterm()
    with Progress(quiet=quiet) as progress:
        found = verify(repo, root, progress.stage)
    if found.problems:
        print_text("".join(f"{clean(problem)}\n" for problem in found.problems[:MOST]))
        if len(found.problems) > MOST:
            print_text(f"and {len(found.problems) - MOST} more\n")
        return EXIT_NOT_WHOLE
    parts = (
        count(found.releases, "release"),
        count(found.services, "service"),
        count(found.targets, "file"),
        count(found.deltas, "delta"),
    )
    print_text(f"{repo}: whole; {parts[0]} of {parts[1]}, {parts[2]}, {parts[3]} applied\n")
    with suppress(ReleaseError):  # changed since
        warn(Repository(repo))
    if root is None:
        click.echo(
            "note: without --root, a repository that somebody signed anew with keys of their own does not show",
            err=True,
        )
    return 0

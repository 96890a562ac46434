"""Sign anew what expires."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gate.cli._release._options import (
    ROLE_NAMES,
    Passphrases,
    key_options,
    key_ring,
    repository_argument,
    role_of,
    warn,
)
from gate.cli._shared.output import print_text

if TYPE_CHECKING:
    from pathlib import Path


@click.command("renew")
@repository_argument
@click.option(
    "--role",
    "roles",
    type=click.Choice(ROLE_NAMES),
    multiple=True,
    help="This one too, though it does not end soon; repeatable.",
)
@key_options
def command(
    repo: Path,
    *,
    roles: tuple[str, ...],
    keys: tuple[Path, ...],
    passphrase_file: tuple[str, ...],
    passphrase_env: tuple[str, ...],
) -> None:
    """Sign anew what expires, so that hosts go on trusting REPO: the timestamp always, snapshot and targets when they end soon.

    Run it more often than the timestamp expires, such as every day from a timer.
    """
    from gate.release.repository.renewing import renew
    from gate.release.repository.store import Repository

    with Repository.changing(repo) as repository:
        ring = key_ring(keys, Passphrases(passphrase_file, passphrase_env))
        signed = renew(repository, ring, [role_of(name) for name in roles])
    repository = Repository(repo)
    for role in signed:
        metadata = getattr(repository, role)
        print_text(
            f"{role:<10} version {metadata.signed.version}, holds until {metadata.signed.expires:%Y-%m-%dT%H:%M:%SZ}\n"
        )
    warn(repository)

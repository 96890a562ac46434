"""Show and rotate keys."""

from __future__ import annotations

from pathlib import Path

import click

from gate.cli._release._options import (
    KEYS,
    ROLE_NAMES,
    Passphrases,
    key_options,
    key_ring,
    repository_argument,
    role_of,
    warn,
)
from gate.cli._shared.output import print_text


@click.group("key")
def command() -> None:
    """Show and rotate keys."""


@command.command("list")
@repository_argument
def list_(repo: Path) -> None:
    """The keys of each role, how many of them must sign, and how long what they signed holds."""
    from gate.release.repository.store import Repository
    from gate.release.roles import ROLES

    repository = Repository(repo)
    for role in ROLES:
        found = repository.root.signed.roles[role]
        metadata = getattr(repository, role)
        ids = ", ".join(key_id[:8] for key_id in found.keyids)
        until = f"{metadata.signed.expires:%Y-%m-%dT%H:%M:%SZ}"
        print_text(
            f"{role:<10} {found.threshold} of {len(found.keyids)} signs  version {metadata.signed.version}, holds until {until}  {ids}\n"
        )
    warn(repository)


@command.command("rotate")
@repository_argument
@click.argument("role", type=click.Choice(ROLE_NAMES))
@click.option(
    "--revoke", metavar="KEYID", multiple=True, help="Only this key goes; repeatable (default: all that the role has)."
)
@click.option("--keep", is_flag=True, help="No key goes, such as to add one.")
@click.option("--add", type=click.IntRange(0, 16), help="How many new keys the role gets (default: as many as go).")
@click.option("--threshold", type=click.IntRange(1, 16), help="How many must sign from now on (default: as before).")
@click.option(
    "--new-keys",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where the new keys go (default: the first of --keys).",
)
@click.option(
    "--new-passphrase-file", metavar="FILE", help="The passphrase of the new keys (default: that of the old ones)."
)
@key_options
def rotate(  # noqa: PLR0913 - keywords, one a fact
    repo: Path,
    role: str,
    *,
    revoke: tuple[str, ...],
    keep: bool,
    add: int | None,
    threshold: int | None,
    new_keys: Path | None,
    new_passphrase_file: str | None,
    keys: tuple[Path, ...],
    passphrase_file: tuple[str, ...],
    passphrase_env: tuple[str, ...],
) -> None:
    """Give ROLE new keys, and sign anew what it signs.

    Needs the root's keys, and those of targets, snapshot or timestamp that sign what changes; name the folder of the offline ones with a second
    --keys. Hosts find the new root by themselves: they follow from the one that they trust.
    """
    from gate.release.repository.rotating import rotate as rotate_now
    from gate.release.repository.store import Repository

    if revoke and keep:
        raise click.UsageError("--revoke and --keep exclude each other")
    passphrases = Passphrases(passphrase_file, passphrase_env)
    new = Passphrases(
        [new_passphrase_file] if new_passphrase_file else passphrase_file, () if new_passphrase_file else passphrase_env
    )
    wants = add != 0 if not keep else bool(add)
    with Repository.changing(repo) as repository:
        done = rotate_now(
            repository,
            key_ring(keys, passphrases),
            role_of(role),
            revoke=() if keep else (revoke or None),
            add=add,
            threshold=threshold,
            key_folder=new_keys or (keys[0] if keys else Path(KEYS)),
            passphrase=new.new() if wants else b"",
        )
    print_text(f"root version {done.version}; {role}: {done.threshold} of {done.keys} signs from now on\n")
    for key_id in done.revoked:
        print_text(f"  gone   {key_id[:8]}\n")
    for key_id in done.added:
        print_text(f"  new    {key_id[:8]}\n")
    warn(Repository(repo))

"""Make a repository and its keys."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gate.cli import Failure
from gate.cli._release._options import KEYS, ROLE_NAMES, Passphrases, key_options, repository_argument, role_of
from gate.cli._shared.output import print_text

if TYPE_CHECKING:
    from gate.release.roles import Role

MOST_KEYS = 16


@click.command("init")
@repository_argument
@key_options
@click.option(
    "--threshold",
    "thresholds",
    metavar="ROLE=K/N",
    multiple=True,
    help="ROLE gets N keys, of which K must sign, such as root=2/3; repeatable (default: 1/1).",
)
@click.option(
    "--expires",
    metavar="ROLE=TIME",
    multiple=True,
    help="How long what ROLE signs holds, such as timestamp=1d; repeatable (default: root 365d, targets 180d, snapshot 30d, timestamp 7d).",
)
def command(  # noqa: PLR0913 - keywords, one a fact
    repo: Path,
    *,
    keys: tuple[Path, ...],
    passphrase_file: tuple[str, ...],
    passphrase_env: tuple[str, ...],
    thresholds: tuple[str, ...],
    expires: tuple[str, ...],
) -> None:
    """Make a repository in REPO, and its keys in the folder of --keys.

    REPO/metadata/1.root.json is the root of trust: put it on every host, by a way that you trust. Then move root-….pem to a place that is not
    connected to anything; only `release key rotate` needs it, and `release renew --role root` once a year.
    """
    from gate.release.repository.making import make_repository
    from gate.release.roles import Quorum

    if len(keys) > 1:
        raise click.UsageError("one --keys FOLDER for the new keys; move them apart afterwards")
    quorums: dict[Role, Quorum] = {}
    for text in thresholds:
        match = re.fullmatch(r"(\w+)=(\d{1,2})/(\d{1,2})", text, re.ASCII)
        if match is None or match[1] not in ROLE_NAMES:
            raise Failure(f"not ROLE=K/N: {text}", hint=f"such as root=2/3; roles are {', '.join(ROLE_NAMES)}")
        quorum = Quorum(int(match[2]), int(match[3]))
        if not 1 <= quorum.threshold <= quorum.keys <= MOST_KEYS:
            raise Failure(f"{quorum.threshold} of {quorum.keys} keys cannot sign", hint="write it like root=2/3")
        quorums[role_of(match[1])] = quorum
    periods = _periods(expires)
    folder = keys[0] if keys else Path(KEYS)
    made = make_repository(repo, folder, Passphrases(passphrase_file, passphrase_env).new(), quorums, periods)
    for role, signers in made.items():
        ids = ", ".join(signer.public_key.keyid[:8] for signer in signers)
        quorum = quorums.get(role, Quorum())
        print_text(f"{role:<10} {quorum.threshold} of {quorum.keys} signs  {ids}\n")
    print_text(f"made {repo}; keys in {folder}\n")
    click.echo(
        f"next: put {repo / 'metadata' / '1.root.json'} on the hosts, and move {folder}/root-*.pem off this machine",
        err=True,
    )


def _periods(expires: tuple[str, ...]) -> dict[Role, int]:
    from gate.policy.units import parse_seconds
    from gate.release.roles import LEAST_SECONDS, MOST_SECONDS

    periods: dict[Role, int] = {}
    for text in expires:
        name, _, value = text.partition("=")
        if name not in ROLE_NAMES:
            raise Failure(f"not ROLE=TIME: {text}", hint=f"such as timestamp=1d; roles are {', '.join(ROLE_NAMES)}")
        seconds = int(parse_seconds(value))
        if not LEAST_SECONDS <= seconds <= MOST_SECONDS:
            raise Failure(f"cannot hold for {value}: {text}", hint="from 1m to 3650d")
        periods[role_of(name)] = seconds
    return periods

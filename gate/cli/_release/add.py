"""Add an image as a release, with deltas from the last ones."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import click

from gate.cli._release._options import Passphrases, key_options, key_ring, repository_argument, size, warn
from gate.cli._shared.audit import audit_options, open_audit
from gate.cli._shared.ending import clean_up_on_sigterm
from gate.cli._shared.output import print_text
from gate.cli._shared.policy import resolve_policy
from gate.cli._shared.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path

    from gate.policy.model import Policy
    from gate.release.description import CheckVerdict, Description
    from gate.store.database import Database


@click.command("add")
@repository_argument
@click.argument("binary", type=click.Path())
@click.option("--name", required=True, help="The service, such as orders.")
@click.option("--version", required=True, help="The release, such as 1.4.1.")
@click.option(
    "--deltas",
    type=click.IntRange(0, 64),
    default=3,
    show_default=True,
    help="From how many of the last releases a delta is made.",
)
@click.option(
    "--delta-time",
    metavar="TIME",
    default="2m",
    show_default=True,
    help="What making one delta in one way may take of a processor.",
)
@click.option("--delta-memory", metavar="SIZE", default="4GiB", show_default=True, help="And how much memory.")
@key_options
@click.option(
    "--policy", metavar="FILE", envvar="HOTGATE_POLICY", help="Policy file of the check (default: hotgate.toml)."
)
@audit_options
@click.option("--quiet", is_flag=True, help="No line on a terminal's stderr that says what is being done.")
def command(  # noqa: PLR0913 - keywords, one a fact
    repo: Path,
    binary: str,
    *,
    name: str,
    version: str,
    deltas: int,
    delta_time: str,
    delta_memory: str,
    keys: tuple[Path, ...],
    passphrase_file: tuple[str, ...],
    passphrase_env: tuple[str, ...],
    policy: str | None,
    audit: bool | None,
    store: str | None,
    quiet: bool,
) -> None:
    """Add the Go program BINARY to REPO as a release.

    The image is compared with that of the release before, and the verdict is part of what is signed; a block keeps nobody from adding it, and
    `hotgate apply` asks the gate again on the host. Keys for targets, snapshot and timestamp are needed, the root's are not.
    """
    from pathlib import Path as Place

    from gate.policy.units import parse_seconds, parse_size
    from gate.release.delta.making import Limits
    from gate.release.repository.adding import add_release
    from gate.release.repository.store import Repository

    limits = Limits(seconds=parse_seconds(delta_time), memory=parse_size(delta_memory))
    chosen = resolve_policy(policy, None, None, ())
    log = open_audit(chosen, audit, store)
    clean_up_on_sigterm()
    with Progress(quiet=quiet) as progress, Repository.changing(repo) as repository:
        ring = key_ring(keys, Passphrases(passphrase_file, passphrase_env))

        def judge(old: Path, new: Path, before: Description) -> CheckVerdict:
            return _judge(old, new, before, chosen, log, f"{name} {before.version} → {version}")

        added = add_release(
            repository,
            ring,
            Place(binary),
            name=name,
            version=version,
            judge=judge,
            deltas=deltas,
            limits=limits,
            stage=progress.stage,
        )
    found = added.description
    if not added.fresh:
        print_text(f"{name} {version} is there already, the same image; nothing was changed\n")
        return
    print_text(
        f"{name} {version}  {size(found.size)}, {size(found.compressed)} compressed  sha256 {found.sha256[:12]}\n"
    )
    for offer, made in zip(found.deltas, added.made, strict=True):
        print_text(f"  delta from {offer.version}  {size(offer.size)}  {offer.method}, made in {made.seconds:.1f} s\n")
    if found.check is not None:
        print_text(f"  check against {found.check.version}: {found.check.verdict}\n")
        if found.check.verdict != "pass":
            said = f"the check against {found.check.version} says {found.check.verdict}: hosts will be told, and ask the gate again"
            click.echo(f"warning: {said}", err=True)
    warn(repository)


def _judge(  # noqa: PLR0913, PLR0917 - what a verdict is made from
    old: Path, new: Path, before: Description, policy: Policy, log: Database | None, subject: str
) -> CheckVerdict:
    from gate.release.description import CheckVerdict
    from gate.report.formats.json import render
    from gate.runs.comparison import check

    report = check(str(old), str(new), policy)
    audited = None
    if log is not None:
        from gate.store.chain import Head
        from gate.store.entry import of_report
        from gate.store.verdicts import keep

        with log:
            record = keep(log, of_report("check", report, policy, subject=subject, inputs={"policy": policy.source}))
        audited = str(Head(record.seq, record.hash))
        click.echo(f"audit: {audited}", err=True)
    digest = hashlib.sha256(render(report).encode("ascii")).hexdigest()
    return CheckVerdict(report.verdict, before.sha256, before.version, digest, audited)

"""The releases of a repository."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gate.cli import Failure
from gate.cli._release._options import size
from gate.cli._shared.ending import clean_up_on_sigterm
from gate.cli._shared.output import print_text

if TYPE_CHECKING:
    from gate.release.client import Releases
    from gate.release.description import Description


@click.command("list")
@click.argument("repo")
@click.option("--name", help="Of this service only.")
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The root of trust; a URL needs one (default: REPO's own first one).",
)
@click.option("--format", "format_name", type=click.Choice(("terminal", "json")), default="terminal", show_default=True)
def command(repo: str, *, name: str | None, root: Path | None, format_name: str) -> None:
    """The releases of REPO, a folder or a URL, the oldest first; all of it is verified as a host does."""
    from gate.release.client import Releases

    if root is None and "://" in repo:
        raise Failure("a URL needs a root of trust", hint="pass --root 1.root.json, from a place that you trust")
    clean_up_on_sigterm()
    with tempfile.TemporaryDirectory(prefix="hotgate-release-") as scratch:
        trusted = root or Path(repo, "metadata", "1.root.json")
        releases = Releases(repo, trusted_root=trusted, state=Path(scratch, "state"))
        releases.refresh()
        found = {each: releases.versions(each) for each in _wanted(releases, name)}
    if root is None:
        click.echo("note: held against REPO's own root of trust; --root FILE takes the one that hosts have", err=True)
        _warn(Path(repo))
    if format_name == "json":
        import msgspec

        shape = {"schema_version": "1", "services": {key: msgspec.to_builtins(value) for key, value in found.items()}}
        print_text(json.dumps(shape, indent=2) + "\n")
        return
    for each, known in found.items():
        print_text(f"{each}\n")
        print_text("".join(_line(description) for description in known))
    if not found:
        print_text("no releases yet\n")


def _wanted(releases: Releases, name: str | None) -> list[str]:
    if name is None:
        return releases.names()
    return [releases.find(name).name]


def _line(each: Description) -> str:
    deltas = ", ".join(f"{offer.version} {size(offer.size)}" for offer in each.deltas)
    verdict = "" if each.check is None else f"  {each.check.verdict} against {each.check.version}"
    from_ = f"  deltas from {deltas}" if deltas else ""
    return f"  {each.version:<16} {each.made}  {each.target}  {size(each.compressed)}{from_}{verdict}\n"


def _warn(folder: Path) -> None:
    from gate.cli._release._options import warn
    from gate.release.repository.store import Repository

    warn(Repository(folder))

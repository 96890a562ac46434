"""Make a repository of signed releases, with deltas, and keep it."""

from __future__ import annotations

import click

from gate.cli import CommandFiles


class _Release(CommandFiles):
    """One command a module: the libraries that sign are slow to import."""

    package = "gate.cli._release"


@click.group("release", cls=_Release)
def command() -> None:
    """Make a repository of signed releases, with deltas, and keep it.

    A repository is a folder of plain files, metadata of The Update Framework and images: any web server, mirror or USB stick carries it.
    """

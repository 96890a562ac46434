"""Make a repository of signed releases, with deltas, and keep it."""

from __future__ import annotations

import importlib

import click

COMMANDS = {
    "init": "Make a repository and its keys.",
    "add": "Add an image as a release, with deltas from the last ones.",
    "list": "The releases of a repository.",
    "verify": "Check every signature, digest and delta.",
    "renew": "Sign anew what expires.",
    "key": "Show and rotate keys.",
    "serve": "Serve a repository on this host, to try it out.",
}


class _Late(click.Group):
    """A group whose commands are imported when they are called: the libraries that sign are slow to import."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"gate.cli._release.{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"gate.cli._release.{cmd_name} defines no command")
        return command


@click.group("release", cls=_Late)
def command() -> None:
    """Make a repository of signed releases, with deltas, and keep it.

    A repository is a folder of plain files, metadata of The Update Framework and images: any web server, mirror or USB stick carries it.
    """

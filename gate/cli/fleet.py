"""Many hosts and components: check and order a release plan, write it for Ansible or Argo, ask what runs."""

from __future__ import annotations

import importlib
from pathlib import Path

import click

from gate.cli import Failure
from gate.policy.errors import nearest

FOLDER = Path(__file__).parent / "_fleet"


class _Files(click.Group):
    """A group whose commands are the modules of `_fleet`, imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the modules, sorted."""
        del ctx
        return sorted(path.stem for path in FOLDER.glob("[!_]*.py"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        if cmd_name not in self.list_commands(ctx):
            return None
        found = importlib.import_module(f"gate.cli._fleet.{cmd_name}").command
        if not isinstance(found, click.Command):
            raise TypeError(f"gate.cli._fleet.{cmd_name} defines no command")
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest command in the error."""
        known = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0] not in known:
            raise Failure(
                f"no such command: fleet {args[0]}", hint=f"{nearest(args[0], known)}commands are {', '.join(known)}"
            )
        return super().resolve_command(ctx, args)


@click.group("fleet", cls=_Files)
def command() -> None:
    """Check and order a release of many components on many hosts, write it for Ansible or Argo, and ask what runs.

    hotgate schedules nothing itself: it plans and writes, engines that exist carry it out, and each host is updated by
    `hotgate apply`.
    """

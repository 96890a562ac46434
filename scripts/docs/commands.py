"""The reference of all commands, from the commands themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gate.cli import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 100


def walk(command: click.Command, ctx: click.Context) -> Iterator[tuple[str, click.Command, click.Context]]:
    """(path, command, context) of a command and of all below it."""
    yield ctx.command_path, command, ctx
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            below = command.get_command(ctx, name)
            if below is not None and not below.hidden:
                yield from walk(below, click.Context(below, parent=ctx, info_name=name, max_content_width=WIDTH))


def everything() -> Iterator[tuple[str, click.Command, click.Context]]:
    """(path, command, context) of every command."""
    settings = {**cli.context_settings, "max_content_width": WIDTH, "terminal_width": WIDTH}
    yield from walk(cli, click.Context(cli, info_name="hotgate", **settings))


def page() -> str:
    """The page as Markdown."""
    lines = [
        "# Commands",
        "",
        "As `--help` prints them. Exit codes are the same everywhere: 0 pass, 10 block, 11 inconclusive, 12 taken back, 2 usage or unreadable",
        "input, 1 a bug in hotgate. The report goes to stdout, everything else to stderr.",
    ]
    for path, command, ctx in everything():
        level = "#" * min(len(path.split()) + 1, 4)
        lines += ["", f"{level} {path}", "", "```text", command.get_help(ctx).rstrip(), "```"]
    return "\n".join(lines) + "\n"

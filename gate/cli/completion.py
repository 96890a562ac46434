"""Print the script that completes commands and options in a shell."""

from __future__ import annotations

import sys

import click

from gate.cli import cli
from gate.cli._shared.output import print_text

PLACES = {
    "bash": "hotgate completion bash > ~/.local/share/bash-completion/completions/hotgate",
    "zsh": "hotgate completion zsh > ~/.zfunc/_hotgate, with ~/.zfunc in $fpath before compinit",
    "fish": "hotgate completion fish > ~/.config/fish/completions/hotgate.fish",
}


@click.command("completion")
@click.argument("shell", type=click.Choice(list(PLACES)))
def command(shell: str) -> None:
    """Print the completion script for SHELL. In a terminal, stderr says where it belongs.

    It completes commands, options and the values of options. It needs bash 4.4 or newer, zsh, or fish.
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click has these three
    print_text(kind(cli, {}, "hotgate", "_HOTGATE_COMPLETE").source())
    if sys.stdout.isatty():
        click.echo(f"to install it: {PLACES[shell]}", err=True)

"""Show the policy that holds, and where each setting comes from."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from gate.cli._shared.output import print_text, terminal_width, wants_color
from gate.cli._shared.policy import policy_options, resolve_policy, values_option
from gate.policy.model import find_policy_file

if TYPE_CHECKING:
    from gate.model import Json


@click.group("policy")
def command() -> None:
    """Show the policy that holds, and where each setting comes from."""


@command.command("show")
@policy_options
@values_option
@click.option("--format", "format_name", type=click.Choice(("terminal", "json")), default="terminal", show_default=True)
def show(  # noqa: PLR0913 - keywords, one a flag
    *,
    mode: str | None,
    fail_on: str | None,
    require: tuple[str, ...],
    policy: str | None,
    no_values: bool,
    format_name: str,
) -> None:
    """Show every setting that `check` would obey here: its value, and the default, file, variable or flag behind it."""
    chosen = resolve_policy(policy, mode, fail_on, require, no_values=no_values)
    path = policy or find_policy_file()
    places: dict[str, str] = {}
    if path is not None:
        from gate.policy.file import key_places

        places = key_places(path)
    from gate.clock import moment
    from gate.policy.origin import settings

    given = (("mode", mode), ("fail_on", fail_on), ("require", require), ("data.values", no_values))
    flags = {key for key, value in given if value}
    found = settings(chosen, places, os.environ, flags, moment().date())
    if format_name == "json":
        rows = [{"key": each.key, "value": each.value, "origin": each.origin} for each in found]
        print_text(json.dumps({"source": chosen.source or None, "settings": rows}, indent=2) + "\n")
        return
    from rich.table import Table
    from rich.text import Text

    from gate.report.terminal.console import make_console, text_of
    from gate.report.text.clean import clean

    console = make_console(terminal_width(), color=wants_color())
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("setting", "value", "from"):
        table.add_column(heading, overflow="fold")
    for each in found:
        table.add_row(each.key, Text(clean(_written(each.value))), Text(clean(each.origin)))
    console.print(table)
    print_text(text_of(console))


def _written(value: Json) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None else str(value)

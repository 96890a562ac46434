"""List the releases of a service on this host, which runs, and what became of the last operations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from gate.cli import Failure
from gate.cli._shared.operation import host_options, load
from gate.cli._shared.output import print_text, terminal_width, wants_color

if TYPE_CHECKING:
    from gate.apply.overview import Overview


@click.command("releases")
@host_options
@click.option("--format", "format_name", type=click.Choice(("terminal", "json")), default="terminal", show_default=True)
def command(name: str, *, path: str | None, format_name: str) -> None:
    """List what is on this host of the service NAME: its releases, which is current, which was before, what the gate said of each."""
    host, _ = load(name, path)
    from msgspec import to_builtins

    from gate.apply.errors import ApplyError
    from gate.apply.overview import look

    try:
        found = look(host)
    except ApplyError as exc:
        raise Failure(str(exc), hint=exc.hint) from exc
    if format_name == "json":
        print_text(json.dumps({"schema_version": "1", **to_builtins(found)}, indent=2) + "\n")
    else:
        print_text(_table(found))


def _table(found: Overview) -> str:
    from rich.table import Table
    from rich.text import Text

    from gate.report.terminal.console import make_console, text_of
    from gate.report.text.clean import clean

    console = make_console(terminal_width(), color=wants_color())
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("release", "is", "the gate said", "installed", "MB", "sha256"):
        table.add_column(heading, overflow="fold")
    for each in found.releases:
        marks = [
            word
            for word, holds in (("current", each.current), ("previous", each.previous), ("runs", each.running))
            if holds
        ]
        verdict = f"{each.verdict} (after {each.against})" if each.against else each.verdict
        cells = (each.version, ", ".join(marks), verdict, each.installed_at, f"{each.size / 1e6:.1f}", each.sha256[:12])
        table.add_row(*(Text(clean(cell)) for cell in cells))
    if found.releases:
        console.print(table)
    else:
        console.print(Text(f"no releases in {clean(found.folder)}"))
    notes = list(found.problems)
    notes += [f"under way: {found.busy}"] if found.busy else []
    notes += [f"{found.unfinished}: `hotgate apply {found.name} --resume`"] if found.unfinished else []
    for note in notes:
        console.print(Text(clean(note)), soft_wrap=True)
    for each_operation in found.operations[:5]:
        at, kind = each_operation.at[:19].replace("T", " "), each_operation.kind
        said = each_operation.said or each_operation.ending or "no end"
        console.print(Text(clean(f"{at}Z  {kind:<8}  {said}"), style="dim"), soft_wrap=True)
    return text_of(console)

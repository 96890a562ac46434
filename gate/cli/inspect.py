"""Show the facts of one binary, or of this host."""

from __future__ import annotations

import click

from gate.cli._shared.output import print_text, terminal_width, wants_color


@click.command("inspect")
@click.argument("binary", type=click.Path(), required=False)
@click.option("--format", "format_name", type=click.Choice(("terminal", "json")), default="terminal", show_default=True)
@click.option("--functions", is_flag=True, help="List every function instead of counting them by package.")
@click.option("--type", "types", multiple=True, metavar="NAME", help="Show the layout of this type too; repeatable.")
@click.option("--host", is_flag=True, help="Describe this host instead, as JSON for `check --target`.")
def command(binary: str | None, *, format_name: str, functions: bool, types: tuple[str, ...], host: bool) -> None:
    """Show what is known of the Go program BINARY: its build, functions, table health and native needs."""
    if host:
        if binary is not None:
            raise click.UsageError("--host takes no BINARY")
        from probes.host import dump_target, read_host  # only with --host

        print_text(dump_target(read_host(libraries=True)))
        return
    if binary is None:
        raise click.UsageError("missing argument 'BINARY'")
    from gate.engine.binaries import load_binary
    from gate.inspection.model import inspect_binary

    facts = inspect_binary(load_binary(binary), functions=functions, types=types)
    if format_name == "json":
        from gate.report.formats import json as renderer

        print_text(renderer.render(facts))
        return
    from gate.inspection import text

    print_text(text.render(facts, width=terminal_width(), color=wants_color()))

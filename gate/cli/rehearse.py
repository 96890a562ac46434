"""Perform the update of OLD to NEW, really, under load and with faults, where nothing can be hurt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gate.cli import Failure
from gate.cli._shared.audit import audit_options, keep_verdict, open_audit, store_option
from gate.cli._shared.ending import clean_up_on_sigterm
from gate.cli._shared.output import (
    Output,
    import_renderers,
    parse_outputs,
    print_text,
    refuse_overwriting,
    write_report,
    write_whole,
)
from gate.cli._shared.policy import policy_options, resolve_policy, values_option
from gate.cli._shared.progress import Progress
from gate.report import formats

if TYPE_CHECKING:
    from gate.rehearsal.plan.model import Plan

RUN = "run"


class _OldNew(click.Group):
    """A group whose command is `run` where the first word is none of its commands, but a file."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """`rehearse OLD NEW` is `rehearse run OLD NEW`."""
        if args and args[0] not in self.commands:
            args = [RUN, *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Options before OLD belong to `run`."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [RUN, *args]
        return super().parse_args(ctx, args)


@click.group("rehearse", cls=_OldNew)
def command() -> None:
    """Perform the update of OLD to NEW, really, under load and with faults, where nothing can be hurt.

    `hotgate rehearse OLD NEW` is short for `hotgate rehearse run OLD NEW`. It is the only command that runs the programs it
    judges.
    """


@command.command(
    RUN,
    epilog="Exit codes: 0 pass, 10 block, 11 inconclusive, 2 usage, or a rehearsal that cannot be performed, 1 a bug in hotgate.",
)
@click.argument("old", type=click.Path())
@click.argument("new", type=click.Path())
@click.option(
    "--isolate",
    type=click.Choice(["auto", "require", "no"]),
    default="auto",
    show_default=True,
    help="Namespaces of its own: where possible, or refuse without, or none.",
)
@click.option(
    "--max-time", metavar="TIME", help="What all of it may take, such as 5m: updates are left out, drills are not."
)
@click.option(
    "--updates",
    type=click.IntRange(0, 10_000),
    help="How many updates, instead of the plan's; 0 is a control run: what the plan finds where no image changes.",
)
@click.option(
    "--token-file",
    type=click.Path(),
    metavar="FILE",
    envvar="HOTGATE_TOKEN_FILE",
    help="File with the bearer token of the service's probe, where it asks for one.",
)
@click.option("--keep", is_flag=True, help="Leave the folder with the service's log and files for a look.")
@policy_options
@values_option
@click.option(
    "--format", "format_name", type=click.Choice(formats.names()), help="What stdout gets (default: terminal)."
)
@click.option("--output", metavar="FORMAT=PATH", multiple=True, help="Write a report to a file as well; repeatable.")
@audit_options
@click.option("--quiet", is_flag=True, help="No line on a terminal's stderr that says what is being done.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 whatever the verdict is; errors keep their exit codes.")
def run(  # noqa: PLR0913 - keywords, one a fact
    old: str,
    new: str,
    *,
    isolate: Any,
    max_time: str | None,
    updates: int | None,
    token_file: str | None,
    keep: bool,
    mode: str | None,
    fail_on: str | None,
    require: tuple[str, ...],
    policy: str | None,
    no_values: bool,
    format_name: str | None,
    output: tuple[str, ...],
    audit: bool | None,
    store: str | None,
    quiet: bool,
    exit_zero: bool,
) -> int:
    """Start OLD, update it to NEW and back under load, make faults on purpose, and give the verdict.

    OLD and NEW are run. They get a folder, processes and, where the kernel allows it, namespaces of their own, stay on loopback,
    and are ended with all that they left. The plan is [rehearsal] in the policy file; without one, OLD is started with its
    own defaults.
    """
    from gate.policy.token_file import read_token
    from gate.rehearsal.problem import CannotRehearse

    outputs = parse_outputs(format_name, output)
    chosen = resolve_policy(policy, mode, fail_on, require, no_values=no_values)
    refuse_overwriting(outputs, {"OLD": old, "NEW": new, "the policy": chosen.source})
    budget = _budget(max_time)
    plan = _plan(chosen.source, updates)
    token = read_token(token_file) if token_file else ""
    log = open_audit(chosen, audit, store)
    from gate.runs.rehearsal import perform

    where: list[str] = []
    clean_up_on_sigterm()
    import_renderers(outputs)
    try:
        with Progress(quiet=quiet) as progress:
            report = perform(
                old,
                new,
                chosen,
                plan,
                isolate=isolate,
                keep_folder=keep,
                token=token,
                budget=budget,
                stage=progress.stage,
                kept=where.append,
            )
    except CannotRehearse as exc:
        raise Failure(str(exc), hint=exc.hint) from exc
    except (KeyboardInterrupt, SystemExit):
        click.echo("interrupted: everything that the rehearsal started has been ended", err=True)
        raise
    finally:
        for folder in where:
            click.echo(f"kept: {folder}", err=True)
    for notice in report.notices:
        click.echo(f"warning: {notice}", err=True)
    keep_verdict(log, "rehearse", report, chosen, subject=f"{old} → {new}", inputs={"policy": chosen.source or None})
    write_report(report, outputs)
    return 0 if exit_zero else report.exit_code


@command.command("list")
@click.option(
    "-n", "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many, newest first."
)
@click.option("--format", "format_name", type=click.Choice(("terminal", "json")), default="terminal", show_default=True)
@store_option
@click.option("--policy", metavar="FILE", envvar="HOTGATE_POLICY", help="Policy file (default: hotgate.toml).")
def list_(*, limit: int, format_name: str, store: str | None, policy: str | None) -> None:
    """The newest rehearsals in the store: number, time, verdict, both digests and what was rehearsed."""
    from datetime import UTC, datetime

    from gate.store import rehearsals
    from gate.store.database import Database

    chosen = resolve_policy(policy, None, None, ())
    with Database.open(store or chosen.store) as database, database.read() as connection:
        found = rehearsals.newest(connection, limit)
    if format_name == "json":
        import json

        shapes = [
            {
                "seq": each.seq,
                "at_ms": each.at_ms,
                "verdict": each.verdict,
                "old": each.old,
                "new": each.new,
                "subject": each.subject,
            }
            for each in found
        ]
        print_text(json.dumps(shapes, indent=2) + "\n")
        return
    from gate.report.text.clean import clean

    for each in found:
        at = f"{datetime.fromtimestamp(each.at_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
        print_text(
            f"{each.seq:>6}  {at}  {each.verdict:<12}  {each.old[:12]} → {each.new[:12]}  {clean(each.subject)}\n"
        )


@command.command("init")
@click.argument("binary", type=click.Path())
@click.option(
    "--pid", type=click.IntRange(1), help="A process that runs it: its command line and listeners go into the plan."
)
@click.option("-o", "--output", metavar="FILE", default="-", help="Where to (default: stdout).")
def init(*, binary: str, pid: int | None, output: str) -> None:
    """Write a plan for the Go program BINARY, with comments, as TOML to be read and put right by hand."""
    refuse_overwriting([Output("plan", output)], {"the binary": binary})
    from gate.engine.binaries import load_binary
    from gate.rehearsal.plan.proposal import propose
    from gate.rehearsal.plan.seen import read_process
    from gate.rehearsal.problem import CannotRehearse

    try:
        seen = None if pid is None else read_process(pid)
    except CannotRehearse as exc:
        raise Failure(str(exc), hint=exc.hint) from exc
    text = propose(load_binary(binary, examine=False), seen)
    if output == "-":
        print_text(text)
    else:
        write_whole(output, text)


def _budget(text: str | None) -> float:
    if text is None:
        return 0.0
    from gate.policy.errors import PolicyError
    from gate.policy.units import parse_seconds

    try:
        return parse_seconds(text)
    except PolicyError as exc:
        raise Failure(f"--max-time: {exc}", hint=exc.hint) from exc


def _plan(source: str, updates: int | None) -> Plan:
    from msgspec.structs import replace

    from gate.rehearsal.plan.model import Plan

    plan = Plan()
    if source:
        from gate.rehearsal.plan.reading import load_plan

        plan = load_plan(source) or plan
    return plan if updates is None else replace(plan, updates=updates)

"""Compare OLD and NEW and give the verdict."""

from __future__ import annotations

import gc
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gate.cli import Failure
from gate.cli._shared.audit import audit_options, keep_verdict, open_audit
from gate.cli._shared.live import ask_live, asked_for, live_options, watching
from gate.cli._shared.output import import_renderers, parse_outputs, refuse_overwriting, write_report
from gate.cli._shared.policy import policy_options, resolve_policy, values_option
from gate.cli._shared.progress import Progress
from gate.exits import EXIT_CODES
from gate.model import Mode
from gate.policy.model import REHEARSAL
from gate.report import formats

if TYPE_CHECKING:
    from collections.abc import Iterator


FORGOTTEN = "fetch what runs in production as OLD, and build NEW, before this step"


class Forgotten(Failure):
    """Something to compare is not there, which is no reason to let the update pass, and none to take it for a bug."""

    exit_code = EXIT_CODES["inconclusive"]


@click.command(
    "check",
    epilog="Exit codes: 0 pass, 10 block, 11 inconclusive, 2 usage or unreadable input, 1 a bug in hotgate.",
)
@click.argument("old", type=click.Path(), required=False)
@click.argument("new", type=click.Path(), required=False)
@click.option("--live", "url", metavar="URL", help="Ask the running service too, by goprobe or plain net/http/pprof.")
@live_options
@click.option(
    "--profile", metavar="PATH", help="A profile of OLD, or a directory of them: are the changes where the time goes?"
)
@click.option(
    "--argv",
    metavar="COMMAND",
    help="The command line that OLD runs with, such as 'orders -listen :8080': does NEW know its flags? With --pid, that of the process.",
)
@policy_options
@values_option
@click.option("--both-ways", is_flag=True, help="Judge NEW → OLD too: could the update be taken back?")
@click.option("--baseline", metavar="FILE", envvar="HOTGATE_BASELINE", help="Findings that are known and do not block.")
@click.option(
    "--target", metavar="FILE", envvar="HOTGATE_TARGET", help="The host that will run NEW (default: this one)."
)
@click.option("--host", "loader", metavar="PROGRAM", help="In plugin mode, the program that is to load NEW.")
@click.option(
    "--format", "format_name", type=click.Choice(formats.names()), help="What stdout gets (default: terminal)."
)
@click.option("--output", metavar="FORMAT=PATH", multiple=True, help="Write a report to a file as well; repeatable.")
@audit_options
@click.option(
    "--hook",
    is_flag=True,
    help="For pipelines: an OLD or NEW that is not there is inconclusive (11), not an error (2).",
)
@click.option("--quiet", is_flag=True, help="No line on a terminal's stderr that says what is being done.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 whatever the verdict is; errors keep their exit codes.")
def command(  # noqa: PLR0913 - keywords, one a fact
    old: str | None,
    new: str | None,
    *,
    url: str | None,
    token_file: str | None,
    pid: int | None,
    wait: float,
    timeout: float,
    no_cpu_profile: bool,
    profile: str | None,
    argv: str | None,
    mode: str | None,
    fail_on: str | None,
    require: tuple[str, ...],
    target: str | None,
    baseline: str | None,
    loader: str | None,
    policy: str | None,
    no_values: bool,
    both_ways: bool,
    format_name: str | None,
    output: tuple[str, ...],
    audit: bool | None,
    store: str | None,
    hook: bool,
    quiet: bool,
    exit_zero: bool,
) -> int:
    """Compare the Go binary OLD, which runs, with NEW, which is to replace it, and give the verdict.

    With --pid, OLD may be left out: it is then what the process runs. The first line says pass, block or inconclusive;
    then come the reasons and what to do about them.
    """
    if hook and not exit_zero:
        _refuse_missing(old, new, pid)
    old, new = _two_sides(old, new, pid)
    if (wait or token_file) and url is None and pid is None:
        raise click.UsageError("--wait and --token-file are for a running service: pass --live URL or --pid PID")
    words = _words(argv)
    outputs = parse_outputs(format_name, output)
    chosen = resolve_policy(policy, mode, fail_on, require, no_values=no_values, both_ways=both_ways)
    if loader is not None and chosen.mode is not Mode.PLUGIN:
        raise click.UsageError("--host is for the program that loads a plugin: pass --mode plugin")
    inputs = {
        "OLD": old,
        "NEW": new,
        "the policy": chosen.source,
        "the target": target,
        "the baseline": baseline,
        "the profile": profile,
        "the program of --host": loader,
    }
    refuse_overwriting(outputs, inputs)
    log = open_audit(chosen, audit, store)
    known = host = None
    if baseline is not None:
        from gate.engine.baseline import load_baseline

        known = load_baseline(baseline)
    if target is not None:
        from probes.host import load_target

        host = load_target(target)
    rehearsed = None
    if REHEARSAL in chosen.require:
        from gate.store.requirement import past_rehearsals

        rehearsed = past_rehearsals(chosen, store)
    from gate.runs.comparison import check

    heated = None
    if profile is not None:
        from probes.live.profile_files import read_source

        heated = read_source(profile)
    asked = None
    if url is not None or pid is not None:
        asked = asked_for(url, token_file, pid, timeout, chosen, cpu=profile is None, start=not no_cpu_profile)
    _one_arena()
    with Progress(quiet=quiet) as progress, _no_collector(), watching(pid) as watcher:
        report = check(
            old,
            new,
            chosen,
            target=None if host is None else lambda: host,
            baseline=known,
            meanwhile=lambda: import_renderers(outputs),
            live=None if asked is None else lambda running: ask_live(asked, running, new, wait, watcher),
            argv=words,
            profile=heated,
            loader=loader,
            rehearsed=rehearsed,
            stage=progress.stage,
            alone=True,
        )
    from gate.report.text.clean import clean

    for notice in report.notices:
        click.echo(f"warning: {clean(notice)}", err=True)
    others = {"host": loader, "target": target, "baseline": baseline, "policy": chosen.source}
    keep_verdict(log, "check", report, chosen, subject=f"{old} → {new}", inputs=others)
    write_report(report, outputs)
    return 0 if exit_zero else report.exit_code


def _words(argv: str | None) -> tuple[str, ...]:
    """The words of `--argv`."""
    from gate.policy.command_line import split_argv

    try:
        words = split_argv(argv or "")
    except ValueError as exc:
        raise click.UsageError(f"--argv: {exc}") from exc
    if argv is not None and not words:
        raise click.UsageError("--argv: no command line")
    return words


def _two_sides(old: str | None, new: str | None, pid: int | None) -> tuple[str, str]:
    """The paths of OLD and NEW; what the process runs is OLD when one path is given."""
    if old is None:
        raise click.UsageError("missing argument 'OLD'")
    if new is not None:
        return old, new
    if pid is None:
        raise click.UsageError("missing argument 'NEW'")
    from probes.live.proc.reading import exe_path, read_process

    read_process(pid, watch=False)  # a process that is not there is said as such, not as a file that is not there
    return exe_path(pid), old


def _refuse_missing(old: str | None, new: str | None, pid: int | None) -> None:
    """End with 11 when a pipeline forgot to fetch OLD or to build NEW, or left the name of one empty.

    Raises:
        Forgotten: it did.
    """
    named = [old] if new is None and pid is not None else [old, new]
    for name, path in zip(("OLD", "NEW")[-len(named) :], named, strict=True):
        if not path:
            raise Forgotten(f"inconclusive: no {name} was named", hint=FORGOTTEN)
        if not Path(path).exists():
            raise Forgotten(f"inconclusive: no such file: {path}", hint=FORGOTTEN)


def _one_arena() -> None:
    """Let all threads share one heap: what a thread of its own heap frees, others cannot use, which is an eighth of the peak.

    M_ARENA_MAX is -8, in glibc's malloc.h. Another C library has no such call, or ignores it.
    """
    import ctypes

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(-8, 1)


@contextmanager
def _no_collector() -> Iterator[None]:
    """Pause the garbage collector: a comparison makes many objects and no cycles, and its passes are 6% of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()

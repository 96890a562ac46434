"""Ask one running service what an update would take away from it."""

from __future__ import annotations

import click

from gate.cli._shared.audit import audit_options, keep_verdict, open_audit
from gate.cli._shared.live import asked_for, live_options, say
from gate.cli._shared.output import parse_outputs, refuse_overwriting, write_report
from gate.cli._shared.policy import policy_options, resolve_policy
from gate.report import formats


@click.command(
    "probe",
    epilog="Exit codes: 0 pass, 10 block, 11 inconclusive, 2 usage or unreadable input, 1 a bug in hotgate.",
)
@click.argument("url", required=False)
@live_options
@policy_options
@click.option(
    "--format", "format_name", type=click.Choice(formats.names()), help="What stdout gets (default: terminal)."
)
@click.option("--output", metavar="FORMAT=PATH", multiple=True, help="Write a report to a file as well; repeatable.")
@audit_options
@click.option("--exit-zero", is_flag=True, help="Exit with 0 whatever the verdict is; errors keep their exit codes.")
def command(  # noqa: PLR0913 - keywords, one a fact
    url: str | None,
    *,
    token_file: str | None,
    pid: int | None,
    wait: float,
    timeout: float,
    no_cpu_profile: bool,
    mode: str | None,
    fail_on: str | None,
    require: tuple[str, ...],
    policy: str | None,
    format_name: str | None,
    output: tuple[str, ...],
    audit: bool | None,
    store: str | None,
    exit_zero: bool,
) -> int:
    """Ask the service at URL, by goprobe or plain net/http/pprof, and its process, whether it could be updated now.

    URL is where the service serves /debug/hotgate/ or /debug/pprof/, such as http://127.0.0.1:8080. With --pid alone,
    only the process is looked at.
    """
    if url is None and pid is None:
        raise click.UsageError("name the service: URL, --pid PID or both")
    outputs = parse_outputs(format_name, output)
    chosen = resolve_policy(policy, mode, fail_on, require)
    refuse_overwriting(outputs, {"the policy": chosen.source, "the token": token_file})
    log = open_audit(chosen, audit, store)
    from gate.engine.quiescence import ask
    from gate.runs import service as engine_live

    asked = asked_for(url, token_file, pid, timeout, chosen, start=not no_cpu_profile)
    report = engine_live.probe(chosen, lambda: ask(asked, wait=wait, say=say))
    subject = " ".join(([url] if url else []) + ([f"PID {pid}"] if pid is not None else []))
    keep_verdict(log, "probe", report, chosen, subject=subject, inputs={"policy": chosen.source})
    write_report(report, outputs)
    return 0 if exit_zero else report.exit_code

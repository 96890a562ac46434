"""Propose, lock and check the contract: the types that two images share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gate.cli._shared.output import Output, parse_outputs, print_text, refuse_overwriting, write_report, write_whole
from gate.cli._shared.policy import policy_options, resolve_policy
from gate.report import formats

if TYPE_CHECKING:
    from gate.policy.model import Policy

LOCK = "hotgate.lock"


@click.group("contract")
def command() -> None:
    """Propose, lock and check the contract: the types that two images share."""


@command.command("init")
@click.argument("binary", type=click.Path())
@click.option("-o", "--output", metavar="FILE", default="-", help="Where to (default: stdout).")
def init(*, binary: str, output: str) -> None:
    """Propose a [contract] for the Go program BINARY, as TOML to be read and cut down by hand."""
    refuse_overwriting([Output("contract", output)], {"the binary": binary})
    from gate.contract.proposal import propose
    from gate.engine.binaries import load_binary

    _write(propose(load_binary(binary, examine=False)), output)


@command.command("lock")
@click.argument("binary", type=click.Path())
@click.option("--policy", metavar="FILE", envvar="HOTGATE_POLICY", help="Policy file (default: hotgate.toml).")
@click.option("-o", "--output", metavar="FILE", default=LOCK, show_default=True, help="Where to; - is stdout.")
def lock(*, binary: str, policy: str | None, output: str) -> None:
    """Write down the layouts of the contract's types as BINARY has them, for `contract verify` and for review."""
    chosen = resolve_policy(policy, None, None, ())
    refuse_overwriting([Output("lock", output)], {"the binary": binary, "the policy": chosen.source or None})
    from gate.contract.lock import dump_lock
    from gate.engine.binaries import load_binary

    _write(dump_lock(load_binary(binary, examine=False), chosen.contract), output)
    if output != "-":
        from gate.inflection import count

        said = count(len(chosen.contract.types), "type")
        if chosen.contract.globals:
            said += f" and {count(len(chosen.contract.globals), 'package variable')}"
        click.echo(f"{output}: {said} of the contract; review and commit it", err=True)


@command.command("verify", epilog="Exit codes: 0 pass, 10 block, 11 inconclusive, 2 usage or unreadable input.")
@click.argument("new", type=click.Path())
@click.option("--lock", "lock_path", metavar="FILE", default=LOCK, show_default=True, help="What NEW must keep.")
@policy_options
@click.option(
    "--format", "format_name", type=click.Choice(formats.names()), help="What stdout gets (default: terminal)."
)
@click.option("--output", metavar="FORMAT=PATH", multiple=True, help="Write a report to a file as well; repeatable.")
def verify(  # noqa: PLR0913 - keywords, one a fact
    *,
    new: str,
    lock_path: str,
    mode: str | None,
    fail_on: str | None,
    require: tuple[str, ...],
    policy: str | None,
    format_name: str | None,
    output: tuple[str, ...],
) -> int:
    """Check the Go program NEW against a lock, without the program that it will replace.

    Only what NEW says of itself and the contract's types are judged; `check OLD NEW` sees more.
    """
    outputs = parse_outputs(format_name, output)
    chosen: Policy = resolve_policy(policy, mode, fail_on, require)
    refuse_overwriting(outputs, {"NEW": new, "the lock": lock_path, "the policy": chosen.source or None})
    from gate.contract.lock import check_fits, load_lock
    from gate.runs.contract import verify as judge

    lock = load_lock(lock_path)
    check_fits(lock, chosen.contract)
    report = judge(lock, new, chosen, require=require)
    write_report(report, outputs)
    return report.exit_code


def _write(text: str, output: str) -> None:
    if output == "-":
        print_text(text)
    else:
        write_whole(output, text)

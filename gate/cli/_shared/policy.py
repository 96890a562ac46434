"""The policy of one run: the file, then the environment, then the flags."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gate.model import Mode, Severity
from gate.policy.environment import apply_environment
from gate.policy.model import Policy, find_policy_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

F = TypeVar("F", bound="Callable[..., Any]")


def policy_options(function: F) -> F:
    """Give a command the options that choose a policy: `mode`, `fail_on`, `require` and `policy`."""
    options = (
        click.option("--mode", type=click.Choice([m.value for m in Mode]), help="How NEW replaces OLD."),
        click.option(
            "--fail-on",
            type=click.Choice([s.value for s in Severity]),
            help="The least severity that blocks (default: block).",
        ),
        click.option(
            "--require",
            multiple=True,
            metavar="NAME",
            help="Evidence without which nothing passes; repeatable (default: functions and build).",
        ),
        click.option("--policy", metavar="FILE", envvar="HOTGATE_POLICY", help="Policy file (default: hotgate.toml)."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def values_option(function: F) -> F:
    """Give a command that reports data the option `no_values`."""
    text = "Show lengths and digests of data that changed, and no values."
    return click.option("--no-values", is_flag=True, help=text)(function)


def resolve_policy(  # noqa: PLR0913 - what the command was given
    path: str | None,
    mode: str | None,
    fail_on: str | None,
    require: Sequence[str],
    *,
    no_values: bool = False,
    both_ways: bool = False,
) -> Policy:
    """The policy in `path`, or in the working directory's file, or the default; then the environment; then the flags.

    Raises:
        PolicyError: the file, a variable or a flag says something that means nothing.
    """
    path = path or find_policy_file()
    policy = Policy()
    if path is not None:
        from gate.policy.file import load_policy

        policy = load_policy(path)
    return apply_environment(policy, os.environ).with_flags(
        mode=Mode(mode) if mode else None,
        fail_on=Severity(fail_on) if fail_on else None,
        require=require,
        values=not no_values,
        both_ways=both_ways,
    )

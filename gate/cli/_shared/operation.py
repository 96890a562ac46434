"""What `apply`, `rollback` and `releases` share: the host's table, the store, the stages as they pass, and the end."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self, TypeVar

import click

from gate.cli import Failure
from gate.cli._shared.audit import store_option
from gate.cli._shared.output import print_text
from gate.policy.environment import apply_environment
from gate.policy.model import find_policy_file
from gate.report.text.clean import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from gate.apply.host.config import Host
    from gate.apply.outcome import Outcome
    from gate.apply.run import Ground
    from gate.policy.model import Policy

F = TypeVar("F", bound="Callable[..., Any]")

EPILOG = (
    "Exit codes: 0 done, 10 blocked and nothing changed, 11 inconclusive, 12 taken back: the release before runs again, "
    "2 usage, or it could not be begun, 1 a bug in hotgate."
)
OPERATION = "operation"


def host_options(function: F) -> F:
    """Give a command `name` and `path`."""
    path = click.option(
        "--config",
        "path",
        metavar="FILE",
        envvar="HOTGATE_POLICY",
        help="Policy file with the table [host.NAME] (default: hotgate.toml).",
    )
    return click.argument("name")(path(function))


def operation_options(function: F) -> F:
    """Give a command `name`, `path`, `store` and `log`."""
    log = click.option(
        "--log",
        "log",
        type=click.Choice(("text", "json")),
        default="text",
        show_default=True,
        help="json: a line on stdout for each stage as it begins and ends, and one for the end.",
    )
    return host_options(store_option(log(function)))


def load(name: str, path: str | None) -> tuple[Host, Policy]:
    """The service's table and the policy beside it.

    Raises:
        Failure: there is no file. PolicyError: it means nothing, or has no such table.
    """
    from gate.apply.host.config import load_host
    from gate.policy.file import load_policy

    path = path or find_policy_file()
    if path is None:
        raise Failure("no configuration", hint=f"pass --config FILE, or write hotgate.toml with [host.{name}]")
    policy = apply_environment(load_policy(path), os.environ)
    return load_host(path, name), policy


@contextmanager
def ground(name: str, path: str | None, store: str | None, log: str) -> Iterator[Ground]:
    """What an operation works with.

    Raises:
        Failure: it cannot be done, in the words of who found out.
    """
    host, policy = load(name, path)
    from gate.apply.errors import ApplyError
    from gate.apply.run import Ground
    from gate.signals import be_deaf_alone
    from gate.store.database import Database

    be_deaf_alone()  # the host's table may name a command that starts the service
    place = store or policy.store
    with Database.open(place) as database, Stages(json_lines=log == "json") as stages:
        try:
            yield Ground(host, policy, database, place, stages.event, stages.progress)
        except ApplyError as exc:
            raise Failure(str(exc), hint=exc.hint) from exc


def end(outcome: Outcome, log: str) -> int:
    """Show what an operation ended in, and give the exit code."""
    if log == "json":
        print_text(json.dumps(outcome.shape() | {"event": "outcome"}) + "\n")
        return outcome.exit_code
    print_text(f"{clean(outcome.said)}\n")
    if outcome.hint:
        click.echo(f"hint: {clean(outcome.hint)}", err=True)
    for each in outcome.warnings:
        click.echo(f"warning: {clean(each)}", err=True)
    if outcome.unrecorded:
        click.echo(f"warning: not all of it could be written down: {clean(outcome.unrecorded)}", err=True)
    if outcome.audit:
        click.echo(f"audit: {outcome.audit}", err=True)
    return outcome.exit_code


class Stages:
    """Shows the stages of an operation as they pass: on a terminal's stderr, or as lines of JSON on stdout. Elsewhere nothing."""

    def __init__(self, *, json_lines: bool) -> None:
        self._json = json_lines
        self._status: Any = None
        self._console: Any = None
        if not json_lines and sys.stderr.isatty():
            from rich.console import Console

            self._console = Console(stderr=True, highlight=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def event(self, event: dict[str, Any]) -> None:
        """A stage begins or ends."""
        with suppress(Failure, OSError):  # who looks on may go away; what is under way does not end for that
            if self._json:
                print_text(json.dumps(event) + "\n")
            elif self._console is not None and event["stage"] != OPERATION:
                self._show(event)

    def progress(self, what: str, done: int, whole: int) -> None:
        """Bytes of a release that is fetched or assembled."""
        if self._status is not None and whole:
            self._status.update(f"{what}: {done / 1e6:,.1f} of {whole / 1e6:,.1f} MB")

    def _show(self, event: dict[str, Any]) -> None:
        from rich.text import Text

        stage, kind = str(event["stage"]), event["event"]
        if kind == "begin":
            self._stop()
            self._status = self._console.status(stage)
            self._status.start()
            return
        if kind == "end":
            self._stop()
        said = str(event.get("said") or event.get("verdict") or event.get("problem") or event.get("detail") or "")
        seconds = event.get("seconds")
        took = f"{seconds:7.2f} s" if isinstance(seconds, int | float) else " " * 9
        self._console.print(Text(f"{stage:<10} {took}  {clean(said)}".rstrip()), soft_wrap=True)

    def _stop(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

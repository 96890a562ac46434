"""The options that name a running service, shared by `check` and `probe`."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gate.policy.token_file import read_token
from gate.report.text.clean import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gate.policy.model import Policy
    from probes.go.facts import BinaryFacts
    from probes.live.facts import LiveFacts
    from probes.live.gathering import Asked
    from probes.live.proc.timers import Watcher

    _ParamType = click.ParamType[float]
else:
    _ParamType = click.ParamType  # generic from click 8.4 on only

F = TypeVar("F", bound="Callable[..., Any]")

_DURATION = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(ms|s|m)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, None: 1.0}
MAX_WAIT = 3600.0


class Duration(_ParamType):
    """A time such as `30s`, `2m` or `500ms`, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        if isinstance(value, float):
            return value
        match = _DURATION.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r} is no time: write it like 30s, 2m or 500ms", param, ctx)
        seconds = float(match[1]) * _UNITS[match[2]]
        if seconds > MAX_WAIT:
            self.fail(f"{value} is longer than an hour", param, ctx)
        return seconds


def live_options(function: F) -> F:
    """Give a command `token_file`, `pid`, `wait`, `timeout` and `no_cpu_profile`."""
    options = (
        click.option(
            "--token-file",
            metavar="FILE",
            envvar="HOTGATE_TOKEN_FILE",
            help="File with the bearer token of the service's probe.",
        ),
        click.option(
            "--pid", type=click.IntRange(1, 1 << 22), metavar="PID", help="The service's process on this host."
        ),
        click.option(
            "--wait",
            type=Duration(),
            default=0.0,
            metavar="TIME",
            help="Wait this long for no profile, no C calls and no work in flight, such as 30s.",
        ),
        click.option(
            "--timeout", type=Duration(), default=10.0, metavar="TIME", show_default="10s", help="Time for one request."
        ),
        click.option(
            "--no-cpu-profile",
            is_flag=True,
            help="Start no CPU profile, which of a service without goprobe takes one second: whether it is being profiled "
            "is then known from --pid only.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def asked_for(  # noqa: PLR0913 - what the command was given
    url: str | None,
    token_file: str | None,
    pid: int | None,
    timeout: float,
    policy: Policy,
    *,
    start: bool,
    cpu: bool = True,
) -> Asked:
    """Which service was asked for.

    `cpu`: whether the CPU profiles that it keeps are of use; `start`: whether one may be started.
    """
    from probes.live.gathering import Asked

    return Asked(
        url=url or "",
        token=read_token(token_file) if token_file else "",
        pid=pid,
        in_flight=policy.live.in_flight,
        in_flight_limit=policy.live.in_flight_limit,
        seconds=max(timeout, 0.1),
        cpu=cpu,
        start=start,
        exec_path=policy.live.exec_path,
    )


def ask_live(asked: Asked, old: BinaryFacts | None, new: str, wait: float, watcher: Watcher | None = None) -> LiveFacts:
    """Ask the service, and tell the person who waits what for."""
    from gate.engine.quiescence import ask

    return ask(asked, old=old, new_path=new, wait=wait, say=say, watcher=watcher)


@contextmanager
def watching(pid: int | None) -> Iterator[Watcher | None]:
    """Look at the process `pid` while something else is done, so that asking takes no longer; None without one."""
    if pid is None:
        yield None
        return
    from probes.live.proc.timers import Watcher

    watcher = Watcher(pid)
    try:
        yield watcher
    finally:
        watcher.close()


def say(message: str) -> None:
    """Progress, for the person who waits."""
    click.echo(clean(message), err=True)

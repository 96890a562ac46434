"""After an update: wait whether a service gets worse, and exit with 10 if it is to be rolled back."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import click

from gate.cli import Failure
from gate.cli._shared.audit import audit_options
from gate.cli._shared.live import say
from gate.cli._shared.output import print_text
from gate.policy.environment import apply_environment
from gate.policy.model import Policy, find_policy_file

if TYPE_CHECKING:
    from gate.sidecar.config.model import ServiceConfig
    from gate.store.database import Database
    from gate.watch.judge import Ruling, State

EVERY = 5.0


@click.command(
    "watch",
    epilog="Exit codes: 0 clear, 10 roll back, 11 inconclusive, 2 usage, 1 a bug in hotgate. `--once` exits with 11 while "
    "it is too early to tell.",
)
@click.argument("services", metavar="SERVICE...", nargs=-1, required=True)
@click.option("--config", "path", metavar="FILE", envvar="HOTGATE_POLICY", help="The sidecar's configuration.")
@click.option(
    "--since",
    type=float,
    metavar="SECONDS",
    help="When the update was begun, in seconds since 1970 (default: the last one that a sidecar saw, if it is no longer "
    "ago than the watch takes; else now).",
)
@click.option("--once", is_flag=True, help="Look once instead of waiting for the end.")
@click.option("--canary", is_flag=True, help="Follow the canary that the service runs, instead of the rules.")
@audit_options
def command(  # noqa: PLR0913 - keywords, one a fact
    services: tuple[str, ...],
    *,
    path: str | None,
    since: float | None,
    once: bool,
    canary: bool,
    audit: bool | None,
    store: str | None,
) -> int:
    """Hold the rules of SERVICE's [sidecar.service.watch] against what is measured, until one fires or the time is up.

    Of several services the first one that is to be rolled back ends it. With rules on expvar counters, a sidecar has to poll the
    service into the same store meanwhile. With --canary, wait for the end of the canary that goprobe runs in the service, and show
    both sides: 0 it was promoted, 10 it was bad.
    """
    from gate.policy.file import load_policy
    from gate.store.database import Database
    from gate.watch.outcome import AHEAD, keep

    path = path or find_policy_file()
    if path is None:
        raise Failure("no configuration", hint="pass --config FILE")
    policy: Policy = apply_environment(load_policy(path), os.environ)
    found = [_configured(path, name) for name in dict.fromkeys(services)]
    if canary:
        if since is not None:
            raise Failure("--since says nothing of a canary", hint="leave it out: the canary that runs is followed")
        if len(found) > 1:
            raise Failure("--canary follows one service", hint="start a watch of each")
        from gate.cli._shared.canary import follow_canary

        return follow_canary(found[0], policy, once=once, audit=audit, store=store)
    without = [each.name for each in found if each.watch is None]
    if without:
        raise Failure(f"no rules for {without[0]}", hint="write them as [[sidecar.service.watch.rule]]")
    if since is not None and not 0 <= since <= time.time() + AHEAD:
        hint = "seconds since 1970, such as $(date +%s) from before the update"
        raise Failure(f"--since is no time of an update: {since:g}", hint=hint)
    with Database.open(store or policy.store) as database:
        watched = [_Watched(database, each, since) for each in found]
        _wait(watched, once=once)
        for each in watched:
            each.end()
            if each.state != "watching" and (policy.audit if audit is None else audit):
                keep(database, each.service.name, each.shape)
    shapes = [each.shape for each in watched]
    print_text(json.dumps(shapes[0] if len(shapes) == 1 else _joined(shapes), indent=2) + "\n")
    return max((int(shape["exit_code"]) for shape in shapes), key=_WORST.index)


def _wait(watched: list[_Watched], *, once: bool) -> None:
    """Look until all are decided or one is to be rolled back."""
    while True:
        waits = [each.look() for each in watched if each.state == "watching"]
        if once or all(each.state != "watching" for each in watched) or any(e.state == "rollback" for e in watched):
            return
        say("; ".join(each.says() for each in watched if each.state == "watching"))
        time.sleep(min(waits))


_WORST = (0, 11, 10)
"""Exit codes, the better ones first."""


def _joined(shapes: list[dict[str, Any]]) -> dict[str, Any]:
    worst = max(shapes, key=lambda shape: _WORST.index(int(shape["exit_code"])))
    return {
        "schema_version": worst["schema_version"],
        "state": worst["state"],
        "exit_code": worst["exit_code"],
        "services": shapes,
    }


def _configured(path: str, name: str) -> ServiceConfig:
    from gate.sidecar.config.model import load_sidecar

    found = next((each for each in load_sidecar(path).services if each.name == name), None)
    if found is None:
        raise Failure(f"no such service: {name}", hint=f"services are the [[sidecar.service]] of {path}")
    return found


class _Watched:
    """One service while it is watched."""

    def __init__(self, database: Database, service: ServiceConfig, since: float | None) -> None:
        if service.watch is None:
            raise AssertionError
        self.service, self._database, self._config = service, database, service.watch
        self._begun = _last(database, service, self._config.within) if since is None else since
        self._rulings: tuple[Ruling, ...] = ()
        self.state: State = "watching"
        self.shape: dict[str, Any] = {}

    def look(self) -> float:
        """Hold the rules against what is measured by now; how many seconds to wait before the next look."""
        import asyncio

        from gate.watch.judge import joined
        from gate.watch.looking import look
        from gate.watch.measure import Span

        begun, end = self._begun, self._begun + self._config.within
        now = min(max(time.time(), begun), end)
        span = Span(begun, begun, now)
        self._rulings = tuple(asyncio.run(look(self._config, self._database, self.service.name, span)))
        self.state = joined(self._rulings, self._config.join, over=now >= end)
        return min(EVERY, max(0.1, end - now))

    def says(self) -> str:
        """What the rules say, for people."""
        return "; ".join(f"{each.rule}: {each.said}" for each in self._rulings)

    def end(self) -> None:
        """Give the result; nobody is clear whose update was not seen."""
        from gate.watch.outcome import shape

        said = ""
        if self.state == "clear" and not _was_seen(self._database, self.service, self._begun):
            self.state, said = "inconclusive", "the sidecar saw no update since then: does the old image still run?"
        self.shape = shape(
            self.service.name, self.state, self._rulings, since=self._begun, join=self._config.join, said=said
        )


def _last(database: Database, service: ServiceConfig, within: float) -> float:
    """When the update was begun that is to be watched."""
    from gate.sidecar.state.resume import remembered

    now = time.time()
    changes = remembered(database, [service], now)[service.name].changes
    return changes[-1].until if changes and changes[-1].since > now - within else now


def _was_seen(database: Database, service: ServiceConfig, begun: float) -> bool:
    """Whether there was an update, as far as the sidecar knows; without a sidecar it is not known."""
    from gate.sidecar.state.resume import remembered

    images = remembered(database, [service], time.time())[service.name]
    return images.last is None or images.last.begun < begun or any(each.seen >= begun for each in images.changes)

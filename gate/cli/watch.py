"""After an update: wait whether a service gets worse, and exit with 10 if it is to be rolled back."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

import click

from gate.cli import Failure
from gate.cli._shared.audit import audit_options
from gate.cli._shared.live import say
from gate.cli._shared.output import print_text
from gate.exits import EXIT_CODES
from gate.policy.environment import apply_environment
from gate.policy.model import Policy, find_policy_file

if TYPE_CHECKING:
    from gate.sidecar.config.model import ServiceConfig
    from gate.store.database import Database

EVERY = 5.0


class _Unknown(Failure):
    exit_code = EXIT_CODES["inconclusive"]


@click.command(
    "watch",
    epilog="Exit codes: 0 clear, 10 roll back, 11 inconclusive, 2 usage, 1 a bug in hotgate. `--once` exits with 11 while "
    "it is too early to tell.",
)
@click.argument("service")
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
    service: str,
    *,
    path: str | None,
    since: float | None,
    once: bool,
    canary: bool,
    audit: bool | None,
    store: str | None,
) -> int:
    """Hold the rules of SERVICE's [sidecar.service.watch] against what is measured, until one fires or the time is up.

    With rules on expvar counters, a sidecar has to poll the service into the same store meanwhile. With --canary, wait for the
    end of the canary that goprobe runs in the service, and show both sides: 0 it was promoted, 10 it was bad.
    """
    import asyncio

    from gate.store.database import Database
    from gate.watch.judge import State, joined
    from gate.watch.looking import look
    from gate.watch.measure import Span
    from gate.watch.outcome import AHEAD, keep, shape

    policy, found = _configured(path, service)
    if canary:
        if since is not None:
            raise Failure("--since says nothing of a canary", hint="leave it out: the canary that runs is followed")
        return _canary(found, policy, once=once, audit=audit, store=store)
    config = found.watch
    if config is None:
        raise Failure(f"no rules for {service}", hint="write them as [[sidecar.service.watch.rule]]")
    begun = 0.0 if since is None else since
    if not 0 <= begun <= time.time() + AHEAD:
        hint = "seconds since 1970, such as $(date +%s) from before the update"
        raise Failure(f"--since is no time of an update: {begun:g}", hint=hint)
    with Database.open(store or policy.store) as database:
        if since is None:
            begun = _last(database, found, config.within)
        while True:
            now = min(max(time.time(), begun), begun + config.within)
            rulings = asyncio.run(look(config, database, service, Span(begun, begun, now)))
            state: State = joined(rulings, config.join, over=now >= begun + config.within)
            if state != "watching" or once:
                break
            say("; ".join(f"{each.rule}: {each.said}" for each in rulings))
            time.sleep(min(EVERY, max(0.1, begun + config.within - now)))
        said = ""
        if state == "clear" and not _was_seen(database, found, begun):
            state, said = "inconclusive", "the sidecar saw no update since then: does the old image still run?"
        shown = shape(service, state, rulings, since=begun, join=config.join, said=said)
        if state != "watching" and (policy.audit if audit is None else audit):
            keep(database, service, shown)
    print_text(json.dumps(shown, indent=2) + "\n")
    return int(shown["exit_code"])


def _configured(path: str | None, service: str) -> tuple[Policy, ServiceConfig]:
    """The policy, and the service of that name."""
    from gate.policy.file import load_policy
    from gate.sidecar.config.model import load_sidecar

    path = path or find_policy_file()
    if path is None:
        raise Failure("no configuration", hint="pass --config FILE")
    policy: Policy = apply_environment(load_policy(path), os.environ)
    found = next((each for each in load_sidecar(path).services if each.name == service), None)
    if found is None:
        raise Failure(f"no such service: {service}", hint=f"services are the [[sidecar.service]] of {path}")
    return policy, found


def _canary(service: ServiceConfig, policy: Policy, *, once: bool, audit: bool | None, store: str | None) -> int:
    """Follow the canary of a service; the exit code."""
    import asyncio

    from gate.store.database import Database
    from gate.watch.canary import OVER, keep, shape
    from gate.watch.following import follow
    from probes.errors import ProbeError

    try:
        now = asyncio.run(follow(service.url, service.token, service.timeout, say, once=once))
    except ProbeError as exc:
        raise _Unknown(f"nothing is known of a canary of {service.name}: {exc.what}", hint=exc.hint) from exc
    if now.state in OVER and (policy.audit if audit is None else audit):
        with Database.open(store or policy.store) as database:
            keep(database, service.name, now)
    shown = shape(service.name, now)
    print_text(json.dumps(shown, indent=2) + "\n")
    return int(shown["exit_code"])


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

"""Following the canary that a service runs, for `hotgate watch --canary`."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from gate.cli import Failure
from gate.cli._shared.live import say
from gate.cli._shared.output import print_text
from gate.exits import EXIT_CODES
from gate.store.database import Database
from gate.watch.canary import OVER, keep, shape
from gate.watch.following import follow
from probes.errors import ProbeError

if TYPE_CHECKING:
    from gate.policy.model import Policy
    from gate.sidecar.config.model import ServiceConfig


class _Unknown(Failure):
    exit_code = EXIT_CODES["inconclusive"]


def follow_canary(service: ServiceConfig, policy: Policy, *, once: bool, audit: bool | None, store: str | None) -> int:
    """Follow the canary of a service; the exit code."""
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

"""The fleet, as the page of a control host shows it: the plan is read, and the hosts are asked, again and again."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, NamedTuple

from gate.policy.errors import PolicyError
from gate.sidecar.verdicts.judge import Unanswerable

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.fleet.inventory.model import Inventory
    from gate.fleet.plan.model import Plan
    from gate.fleet.status.config import FleetConfig
    from gate.fleet.status.drift import Status
    from gate.sidecar.config.model import SidecarConfig

LOG = logging.getLogger("hotgate.fleet")
IDLE = 15.0
"""Seconds until the configuration is looked at again where there is no fleet."""


class Looked(NamedTuple):
    """What was seen at `at`, seconds since 1970."""

    plan: Plan
    status: Status
    at: float


class FleetWatch:
    """What was seen last. `problem` says why there is nothing newer."""

    def __init__(self, config: Callable[[], SidecarConfig]) -> None:
        self._config = config
        self.looked: Looked | None = None
        self.problem = ""

    @property
    def configured(self) -> bool:
        """Whether there is a table [fleet]."""
        return self._config().fleet is not None

    async def run(self) -> None:
        """Ask again and again, for ever."""
        while True:
            own = self._config().fleet
            if own is None:
                self.looked, self.problem = None, ""
                await asyncio.sleep(IDLE)
                continue
            try:
                self.looked, self.problem = await look(own), ""
            except (PolicyError, OSError, ModuleNotFoundError) as exc:
                if str(exc) != self.problem:
                    LOG.warning("the fleet cannot be looked at: %s", exc)
                self.problem = str(exc)
            await asyncio.sleep(own.interval)

    def latest(self) -> Looked:
        """What was seen last.

        Raises:
            Unanswerable: there is no fleet here, or it has not been seen yet.
        """
        if not self.configured:
            raise Unanswerable(
                404, "no_fleet", "this sidecar shows no fleet", hint="write a table [fleet] with release and inventory"
            )
        if self.looked is None:
            raise Unanswerable(503, "fleet", self.problem or "the hosts are being asked for the first time")
        return self.looked


async def look(own: FleetConfig) -> Looked:
    """Read the plan and the inventory as they are now, and ask.

    Raises:
        PolicyError: they cannot be read, or Prometheus does not answer.
    """
    from gate.fleet.status import asking, drift

    plan, inventory = await asyncio.to_thread(_read, own)
    if own.prometheus:
        seen = await asking.ask_prometheus(plan, inventory, own.prometheus)
    else:
        seen = await asking.ask_sidecars(plan, inventory, own.token)
    return Looked(plan, await asyncio.to_thread(drift.status_of, plan, seen), time.time())


def _read(own: FleetConfig) -> tuple[Plan, Inventory]:
    from gate.fleet.inventory.reading import load_inventory
    from gate.fleet.plan.model import make_plan
    from gate.fleet.release.reading import load_release

    inventory = load_inventory(own.inventory)
    return make_plan(load_release(own.release), inventory), inventory

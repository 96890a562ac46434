"""The plan of a release over an inventory, or over none."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from msgspec import Struct

from gate.fleet.order.edges import unprovided
from gate.fleet.order.graph import Order, order_of
from gate.fleet.order.stages import Stage, stages_of
from gate.fleet.plan.batches import Batch, cut
from gate.fleet.release.model import Component, Release  # noqa: TC001 - msgspec evaluates the annotations

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gate.fleet.inventory.model import Inventory


class StagePlan(Struct, frozen=True):
    """A stage and its batches; without an inventory there are none."""

    stage: Stage
    batches: tuple[Batch, ...]

    @property
    def least(self) -> float:
        """Seconds that it takes at least."""
        return sum(each.least for each in self.batches)


class Plan(Struct, frozen=True):
    """All of it. `hosts` maps each group to its hosts in Ansible's order; `inventory` is its path, or ""."""

    release: Release
    order: Order
    stages: tuple[StagePlan, ...]
    hosts: dict[str, tuple[str, ...]]
    inventory: str
    notes: tuple[str, ...]

    @property
    def least(self) -> float:
        """Seconds that the release takes at least; 0 without an inventory."""
        return sum(each.least for each in self.stages)

    @property
    def components(self) -> dict[str, Component]:
        """By name."""
        return {each.name: each for each in self.release.components}

    def taken_back(self, stage: Stage, failed: str) -> tuple[str, ...]:
        """What is taken back by itself, in this order, when `failed` does in `stage`: what depends on it, then itself."""
        back = self.order.dependents(failed) | {failed}
        return tuple(name for name in reversed(stage.components) if name in back)

    def moved_until(self, number: int) -> tuple[str, ...]:
        """What the playbook for the way back takes back, in this order, once stage `number` has begun."""
        moved = [name for each in self.stages[:number] for name in each.stage.components]
        return tuple(reversed(moved))


def make_plan(release: Release, inventory: Inventory | None) -> Plan:
    """The plan of `release` over `inventory`.

    Raises:
        FleetError: there is no order, or a group has no hosts.
    """
    order = order_of(release)
    stages = stages_of(release, order)
    by_name = {each.name: each for each in release.components}
    hosts: dict[str, tuple[str, ...]] = {}
    if inventory is not None:
        hosts = {name: inventory.hosts_of(name) for name in dict.fromkeys(each.hosts for each in stages)}
    planned = []
    for stage in stages:
        takes = _takes(release, [[by_name[name].takes for name in level] for level in stage.levels])
        batches = [
            Batch(number, first, count, takes * ceil(count / release.forks) + release.observe)
            for number, (first, count) in enumerate(cut(release.batches, len(hosts.get(stage.hosts, ()))), 1)
        ]
        planned.append(StagePlan(stage, tuple(batches)))
    return Plan(
        release=release,
        order=order,
        stages=tuple(planned),
        hosts=hosts,
        inventory="" if inventory is None else inventory.source,
        notes=unprovided(release.components),
    )


def _takes(release: Release, levels: Iterable[list[float]]) -> float:
    """Seconds that one host needs for a stage."""
    if release.strategy == "parallel":
        return sum(max(level) for level in levels)
    return sum(sum(level) for level in levels)

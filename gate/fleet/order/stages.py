"""Stages: components that go through the batches of the same hosts together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from gate.fleet.order.graph import Order
    from gate.fleet.release.model import Release


class Stage(Struct, frozen=True):
    """`components` in their order, all on the hosts of the group `hosts`; `levels` of those that do not wait for each other.

    A batch of hosts goes through all of them before the next batch begins. `why` this stage is no part of the one before.
    """

    number: int
    hosts: str
    components: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    why: str


def stages_of(release: Release, order: Order) -> tuple[Stage, ...]:
    """The fewest that keep the order: a stage ends where other hosts come, or where something has to be done everywhere first."""
    hosts = {each.name: each.hosts for each in release.components}
    left = dict.fromkeys(order.names)
    stages: list[Stage] = []
    while left:
        chosen: dict[str, int] = {}
        group = hosts[next(iter(left))]
        for name in left:
            inside = [edge for edge in order.before[name] if edge.before in left]
            if hosts[name] != group or any(edge.everywhere or edge.before not in chosen for edge in inside):
                continue
            chosen[name] = max((chosen[edge.before] + 1 for edge in inside), default=0)
        levels: list[list[str]] = [[] for _ in range(max(chosen.values()) + 1)]
        for name, level in chosen.items():
            levels[level].append(name)
            del left[name]
        why = _why(stages, group, tuple(chosen), order) if stages else ""
        stages.append(Stage(len(stages) + 1, group, tuple(chosen), tuple(map(tuple, levels)), why))
    return tuple(stages)


def _why(stages: list[Stage], group: str, names: tuple[str, ...], order: Order) -> str:
    before = stages[-1]
    if before.hosts != group:
        return f"other hosts: {group} after {before.hosts}"
    done = set(before.components)
    return next(
        (edge.why for name in names for edge in order.before[name] if edge.everywhere and edge.before in done),
        "what it waits for is on other hosts",
    )

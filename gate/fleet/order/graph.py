"""The order: levels, dependents, and the shortest cycle where there is none."""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from typing import TYPE_CHECKING

from msgspec import Struct

from gate.fleet.errors import FleetError
from gate.fleet.order.edges import Edge, edges_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gate.fleet.release.model import Release

STARTS = 50
"""Components from which the shortest cycle is looked for."""


class Order(Struct, frozen=True):
    """`names` in an order in which they may be updated; `levels` of those that do not wait for each other."""

    names: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    edges: tuple[Edge, ...]
    before: dict[str, tuple[Edge, ...]]
    """What each waits for."""
    after: dict[str, tuple[Edge, ...]]
    """What waits for each."""

    def dependents(self, name: str) -> frozenset[str]:
        """Everything that waits for `name`, directly or not."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            for edge in self.after[waiting.pop()]:
                if edge.after not in found:
                    found.add(edge.after)
                    waiting.append(edge.after)
        return frozenset(found)


def order_of(release: Release) -> Order:
    """The order of a release; components that may come at the same time keep the plan's order.

    Raises:
        FleetError: there is none, with one cycle whole, and why each comes before the next.
    """
    components = release.components
    place = {each.name: index for index, each in enumerate(components)}
    edges = edges_of(components)
    before: defaultdict[str, list[Edge]] = defaultdict(list)
    after: defaultdict[str, list[Edge]] = defaultdict(list)
    for edge in edges:
        before[edge.after].append(edge)
        after[edge.before].append(edge)
    missing = {each.name: len(before[each.name]) for each in components}
    level = dict.fromkeys(missing, 0)
    ready = [index for index, each in enumerate(components) if not missing[each.name]]
    names: list[str] = []
    while ready:
        name = components[heapq.heappop(ready)].name
        names.append(name)
        for edge in after[name]:
            level[edge.after] = max(level[edge.after], level[name] + 1)
            missing[edge.after] -= 1
            if not missing[edge.after]:
                heapq.heappush(ready, place[edge.after])
    if len(names) < len(components):
        _refuse(release, after, {name for name, count in missing.items() if count})
    levels: list[list[str]] = [[] for _ in range(max(level.values()) + 1)]
    for name in names:
        levels[level[name]].append(name)
    return Order(
        names=tuple(names),
        levels=tuple(map(tuple, levels)),
        edges=edges,
        before={each.name: tuple(before[each.name]) for each in components},
        after={each.name: tuple(after[each.name]) for each in components},
    )


def _refuse(release: Release, after: Mapping[str, list[Edge]], left: set[str]) -> None:
    cycle: list[Edge] = []
    starts = [each.name for each in release.components if each.name in left][:STARTS]
    starts += [name for name in left if name not in starts]
    for count, start in enumerate(starts):
        if count >= STARTS and cycle:
            break
        found = _cycle(start, after, left)
        if found and (not cycle or len(found) < len(cycle)):
            cycle = found
    line = next(each.line for each in release.components if each.name == cycle[0].before)
    way = " → ".join([cycle[0].before, *(edge.after for edge in cycle)])
    reasons = "; ".join(edge.why for edge in cycle)
    raise FleetError(
        f"{release.source}:{line}: these components wait for each other: {way} ({reasons})",
        hint="split one of them into two releases, such as one that expands and a later one that contracts",
    )


def _cycle(start: str, after: Mapping[str, list[Edge]], left: set[str]) -> list[Edge]:
    """The shortest way from `start` back to it; nothing when there is none."""
    came: dict[str, Edge] = {}
    waiting = deque([start])
    while waiting:
        for edge in after[waiting.popleft()]:
            if edge.after not in left or edge.after in came:
                continue
            came[edge.after] = edge
            if edge.after == start:
                way = [edge]
                while way[-1].before != start:
                    way.append(came[way[-1].before])
                return way[::-1]
            waiting.append(edge.after)
    return []

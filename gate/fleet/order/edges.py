"""What has to come before what: as the plan says it, and as schemas, queues and interfaces ask for it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gate.fleet.release.model import Component

Kind = Literal["depends_on", "schema", "queue", "interface"]


class Edge(Struct, frozen=True):
    """`before` is updated before `after`.

    `everywhere`: on all hosts before the first one of `after`, since one of the two serves hosts of both versions; otherwise a
    batch of hosts may go through both.
    """

    before: str
    after: str
    kind: Kind
    why: str
    everywhere: bool = False


def edges_of(components: Sequence[Component]) -> tuple[Edge, ...]:
    """All of them, in the order of the plan, each pair and kind once."""
    found: dict[tuple[str, str, Kind], Edge] = {}
    for make in (_depends_on, _schema, _queue, _interface):
        for edge in make(components):
            found.setdefault((edge.before, edge.after, edge.kind), edge)
    return tuple(found.values())


def _depends_on(components: Sequence[Component]) -> Iterator[Edge]:
    for each in components:
        for name in each.depends_on:
            yield Edge(name, each.name, "depends_on", f"{each.name} depends on {name}")


def _schema(components: Sequence[Component]) -> Iterator[Edge]:
    """A schema expands before its users move, and contracts after all of them did."""
    users = _users(components)
    for each in components:
        of, name = each.schema_of, each.name
        if each.phase == "contract":
            for user in users[of]:
                if user != name:
                    why = f"{name} contracts the schema of {of}, which {user} uses"
                    yield Edge(user, name, "schema", why, everywhere=True)
        elif each.phase == "expand" and of == name:
            for user in users[of]:
                yield Edge(of, user, "schema", f"{of} expands its schema, which {user} uses", everywhere=True)
        elif each.phase == "expand":
            yield Edge(of, name, "schema", f"{name} uses the expanded schema of {of}", everywhere=True)


def _users(components: Sequence[Component]) -> defaultdict[str, dict[str, None]]:
    """Who uses the schema of each component: what depends on it directly, and what says so."""
    users: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for each in components:
        for name in each.depends_on:
            users[name][each.name] = None
        if each.phase == "expand" and each.schema_of != each.name:
            users[each.schema_of][each.name] = None
    return users


def _queue(components: Sequence[Component]) -> Iterator[Edge]:
    """Consumers before producers: a new producer's messages must find nobody who cannot read them."""
    consumers: defaultdict[str, list[str]] = defaultdict(list)
    for each in components:
        for queue in each.consumes:
            consumers[queue].append(each.name)
    for each in components:
        for queue in each.produces:
            for consumer in consumers[queue]:
                if consumer != each.name:
                    why = f"{consumer} consumes {queue}, which {each.name} produces"
                    yield Edge(consumer, each.name, "queue", why, everywhere=True)


def _interface(components: Sequence[Component]) -> Iterator[Edge]:
    """A new interface is served beside the old one before anybody calls it."""
    providers: defaultdict[str, list[str]] = defaultdict(list)
    for each in components:
        for name in each.provides:
            providers[name].append(each.name)
    for each in components:
        for name in each.calls:
            for provider in providers[name]:
                if provider != each.name:
                    why = f"{each.name} calls {name}, which {provider} provides"
                    yield Edge(provider, each.name, "interface", why, everywhere=True)


def unprovided(components: Sequence[Component]) -> tuple[str, ...]:
    """Notes on interfaces that are called and that nobody in the plan provides: they must be there already."""
    provided = {name for each in components for name in each.provides}
    return tuple(
        f"{each.name} calls {name}, which no component of the plan provides: it must be served already"
        for each in components
        for name in each.calls
        if name not in provided
    )

"""Groups and hosts. The order is Ansible's, as batches are cut from it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from gate.fleet.errors import FleetError
from gate.policy.errors import nearest

MAX_HOSTS = 100_000
KNOWN_VARIABLES = frozenset({"ansible_host", "hotgate_sidecar"})
"""Variables that are read; all others are Ansible's business."""
ALL = "all"
UNGROUPED = "ungrouped"


@dataclass(slots=True)
class Group:
    """`hosts` and `children` in the order of the file, as keys."""

    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, None] = field(default_factory=dict)
    parents: dict[str, None] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Inventory:
    """What the file at `source` says; `hosts` maps each host to its own variables."""

    source: str
    groups: dict[str, Group] = field(default_factory=dict)
    hosts: dict[str, dict[str, str]] = field(default_factory=dict)

    def group(self, name: str) -> Group:
        """The group of that name, made when it is not there."""
        return self.groups.setdefault(name, Group())

    def add_child(self, parent: str, child: str) -> None:
        """Make `child` a part of `parent`.

        Raises:
            ValueError: a group would be a part of itself.
        """
        if parent in self._descendants(child):
            raise ValueError(f"the group {child} would be a part of itself")
        self.group(parent).children[child] = None
        self.group(child).parents[parent] = None

    def add_host(self, group: str, host: str, variables: dict[str, str]) -> None:
        """Make `host` one of `group`.

        Raises:
            ValueError: there are too many.
        """
        self.hosts.setdefault(host, {}).update(variables)
        if len(self.hosts) > MAX_HOSTS:
            raise ValueError(f"more than {MAX_HOSTS:,} hosts")
        self.group(group).hosts[host] = None

    def hosts_of(self, group: str) -> tuple[str, ...]:
        """The hosts of a group and of its children, as `ansible.inventory.group.Group.get_hosts` lists them.

        Raises:
            FleetError: there is no such group, or nobody is in it.
        """
        if group not in self.groups and group != ALL:
            hint = f"{nearest(group, self.groups)}put its hosts into one, or name another one with hosts: in the plan"
            raise FleetError(f"{self.source}: no group {group}", hint=hint)
        found: dict[str, None] = {}
        for name in self._descendants(group):
            found.update(self.groups[name].hosts)
        if not found:
            raise FleetError(f"{self.source}: no host is in the group {group}")
        return tuple(found)

    def variable(self, host: str, name: str) -> str | None:
        """What `name` is for `host`: its own, that of the nearest group, or None. Among equally near groups the last one wins."""
        own = self.hosts[host].get(name)
        level = [group for group, each in self.groups.items() if host in each.hosts]
        while own is None and level:
            own = next(
                (self.groups[each].variables[name] for each in reversed(level) if name in self.groups[each].variables),
                None,
            )
            level = list(dict.fromkeys(parent for each in level for parent in self.groups[each].parents))
        if own is None and ALL in self.groups:
            own = self.groups[ALL].variables.get(name)
        return own

    def _descendants(self, group: str) -> list[str]:
        children = self._children(group)
        found = dict.fromkeys([group, *children])
        waiting = deque(children)
        while waiting:
            for child in self._children(waiting.popleft()):
                if child not in found:
                    found[child] = None
                    waiting.append(child)
        return [name for name in found if name in self.groups]

    def _children(self, group: str) -> list[str]:
        if group != ALL:
            return list(self.groups[group].children) if group in self.groups else []
        own = self.groups[ALL].children if ALL in self.groups else {}
        orphans = [name for name, each in self.groups.items() if not each.parents and name != ALL]
        return list(dict.fromkeys([UNGROUPED, *own, *orphans]))

"""Inventories in INI form, by the rules of Ansible's plugin `ansible.builtin.ini`."""

from __future__ import annotations

import ast
import re
import shlex

from gate.fleet.errors import FleetError
from gate.fleet.inventory.model import ALL, KNOWN_VARIABLES, MAX_HOSTS, UNGROUPED, Inventory
from gate.fleet.inventory.ranges import expand
from gate.fleet.release.names import GROUP, checked_name
from gate.policy.errors import PolicyError

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
_GROUP_LINE = re.compile(r"([^:\]\s]+)\s*(?:#.*)?")


def parse_ini(path: str, text: str) -> Inventory:
    """The inventory in `text`, which is that of the file at `path`.

    Raises:
        FleetError: Ansible would refuse it, or a name in it is none.
    """
    reader = _Reader(path)
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        try:
            reader.read(line, number)
        except (ValueError, PolicyError) as exc:
            raise FleetError(f"{path}:{number}: {exc}", hint=getattr(exc, "hint", "")) from exc
    return reader.done()


class _Reader:
    def __init__(self, path: str) -> None:
        self._inventory = Inventory(path)
        self._declared = {ALL, UNGROUPED}
        self._named: dict[str, int] = {}
        """Groups that something is said of, and the line, before they are declared."""
        self._children: list[tuple[str, str, int]] = []
        self._group = UNGROUPED
        self._kind = "hosts"

    def read(self, line: str, number: int) -> None:
        section = _SECTION.fullmatch(line)
        if section is not None:
            self._begin(section[1], section[2] or "hosts", number)
        elif line.startswith("[") and line.endswith("]"):
            raise ValueError(f"no section: {line[:60]}")
        elif self._kind == "hosts":
            self._hosts(line)
        elif self._kind == "children":
            match = _GROUP_LINE.fullmatch(line)
            if match is None:
                raise ValueError(f"no name of a group: {line[:60]}")
            self._children.append((self._group, checked_name(match[1], GROUP), number))
        else:
            self._variable(line)

    def done(self) -> Inventory:
        source = self._inventory.source
        for parent, child, number in self._children:
            if child not in self._declared:
                raise FleetError(f"{source}:{number}: the group {child} is declared nowhere")
            try:
                self._inventory.add_child(parent, child)
            except ValueError as exc:
                raise FleetError(f"{source}:{number}: {exc}") from exc
        for name, number in self._named.items():
            if name not in self._declared:
                raise FleetError(f"{source}:{number}: [{name}:vars] is of a group that is declared nowhere")
        return self._inventory

    def _begin(self, name: str, kind: str, number: int) -> None:
        self._group = checked_name(name, GROUP)
        if kind not in ("hosts", "children", "vars"):
            raise ValueError(f"the section [{name}:{kind}] is of no kind that Ansible knows: children or vars")
        self._kind = kind
        self._inventory.group(name)
        if kind == "vars":
            self._named.setdefault(name, number)
        else:
            self._declared.add(name)

    def _hosts(self, line: str) -> None:
        words = shlex.split(line, comments=True)
        if not words:
            return
        named = expand(words[0], MAX_HOSTS)
        given: dict[str, str] = {}
        for word in words[1:]:
            key, equals, value = word.partition("=")
            if not equals:
                raise ValueError(f"variables of a host are written as key=value, not {word[:60]!r}")
            if key in KNOWN_VARIABLES:
                given[key] = _plain(value)
        for host in named:
            self._inventory.add_host(self._group, host, given)

    def _variable(self, line: str) -> None:
        key, equals, value = line.partition("=")
        if not equals:
            raise ValueError(f"variables are written as key=value, not {line[:60]!r}")
        if key.strip() in KNOWN_VARIABLES:
            self._inventory.group(self._group).variables[key.strip()] = _plain(value.strip())


def _plain(value: str) -> str:
    """Ansible takes values for Python literals where they are some; here only quotes matter."""
    try:
        found = ast.literal_eval(value[:4096])
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return value
    return found if isinstance(found, str) else value

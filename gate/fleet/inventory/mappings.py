"""Inventories in YAML form, by the rules of Ansible's plugin `ansible.builtin.yaml`."""

from __future__ import annotations

from gate.fleet.errors import FleetError
from gate.fleet.inventory.model import KNOWN_VARIABLES, MAX_HOSTS, Inventory
from gate.fleet.inventory.ranges import expand
from gate.fleet.release.names import GROUP, checked_name
from gate.fleet.yaml.tree import Mapping, Node, Scalar, is_null
from gate.policy.errors import PolicyError, nearest

_SECTIONS = ("hosts", "children", "vars")


def from_tree(path: str, tree: Node) -> Inventory:
    """The inventory that `tree`, read from the file at `path`, holds.

    Raises:
        FleetError: Ansible would refuse it, or a name in it is none.
    """
    inventory = Inventory(path)
    top = _mapping(path, tree, "an inventory")
    for name, node in top.entries.items():
        _group(inventory, name, node, top.key_lines[name])
    return inventory


def _group(inventory: Inventory, name: str, node: Node, line: int) -> None:
    path = inventory.source
    try:
        checked_name(name, GROUP)
    except PolicyError as exc:
        raise FleetError(f"{path}:{line}: {exc}", hint=exc.hint) from exc
    inventory.group(name)
    if is_null(node):
        return
    own = _mapping(path, node, f"the group {name}")
    for key in own.entries:
        if key not in _SECTIONS:
            hint = f"{nearest(key, _SECTIONS)}a group has {', '.join(_SECTIONS)}"
            raise FleetError(f"{path}:{own.key_lines[key]}: unknown key {key[:60]} in the group {name}", hint=hint)
    for key in _SECTIONS:
        if key in own.entries and not is_null(own.entries[key]):
            _section(inventory, name, key, _mapping(path, own.entries[key], f"{key} of {name}"))


def _section(inventory: Inventory, group: str, kind: str, own: Mapping) -> None:
    if kind == "vars":
        inventory.group(group).variables.update(_variables(own))
        return
    for key, node in own.entries.items():
        line = own.key_lines[key]
        if kind == "children":
            _group(inventory, key, node, line)
        try:
            if kind == "children":
                inventory.add_child(group, key)
                continue
            given = {} if is_null(node) else _variables(_mapping(inventory.source, node, f"the host {key[:60]}"))
            for host in expand(key, MAX_HOSTS):
                inventory.add_host(group, host, given)
        except FleetError:
            raise
        except (ValueError, PolicyError) as exc:
            raise FleetError(f"{inventory.source}:{line}: {exc}", hint=getattr(exc, "hint", "")) from exc


def _variables(own: Mapping) -> dict[str, str]:
    return {key: node.text for key, node in own.entries.items() if key in KNOWN_VARIABLES and isinstance(node, Scalar)}


def _mapping(path: str, node: Node, what: str) -> Mapping:
    if isinstance(node, Mapping):
        return node
    raise FleetError(f"{path}:{node.line}: {what} has keys, as `ansible-inventory --list --yaml` writes them")

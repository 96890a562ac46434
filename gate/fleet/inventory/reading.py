"""Reads an inventory, INI or YAML by its name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gate.fleet.errors import FleetError
from gate.fleet.inventory.ini import parse_ini
from gate.fleet.yaml.reading import parse, read_text

if TYPE_CHECKING:
    from gate.fleet.inventory.model import Inventory

MAX_BYTES = 16 << 20


def load_inventory(path: str) -> Inventory:
    """The inventory in the file at `path`; scripts and folders are for Ansible to turn into one.

    Raises:
        FleetError: it cannot be read, or Ansible would refuse it.
    """
    place = Path(path)
    if place.is_dir():
        hint = f"write it as one: ansible-inventory -i {path} --list --yaml > hosts.yml"
        raise FleetError(f"the inventory is a folder: {path}", hint=hint)
    text = read_text(path, "the inventory", MAX_BYTES)
    if text.startswith("#!"):
        hint = f"write what it says into a file: ansible-inventory -i {path} --list --yaml > hosts.yml"
        raise FleetError(f"the inventory is a script, which is not run: {path}", hint=hint)
    if place.suffix in (".yml", ".yaml", ".json"):
        from gate.fleet.inventory.mappings import from_tree

        return from_tree(path, parse(path, text, strict=False))
    return parse_ini(path, text)

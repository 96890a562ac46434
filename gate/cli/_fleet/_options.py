"""What the commands of `hotgate fleet` share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.fleet.plan.model import Plan

F = TypeVar("F", bound="Callable[..., Any]")


def plan_options(function: F) -> F:
    """Give a command `release`, the path of the plan, and `inventory`."""
    argument = click.argument("release", type=click.Path())
    option = click.option(
        "-i", "--inventory", metavar="FILE", help="Ansible's inventory, INI or YAML: which hosts there are."
    )
    return argument(option(function))


def load(release: str, inventory: str | None) -> Plan:
    """The plan in the file at `release`, over the inventory.

    Raises:
        FleetError: one of the two cannot be read or carried out.
    """
    from gate.fleet.inventory.reading import load_inventory
    from gate.fleet.plan.model import make_plan
    from gate.fleet.release.reading import load_release

    return make_plan(load_release(release), None if inventory is None else load_inventory(inventory))

"""Which two programs a component goes between, and by which plan it is rehearsed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from gate.fleet.errors import FleetError

if TYPE_CHECKING:
    from gate.fleet.plan.model import Plan

OLD, NEW, POLICY = "old", "new", "hotgate.toml"


class Pair(Struct, frozen=True):
    """A component's programs; `policy` is the file with its [rehearsal], or ""."""

    component: str
    version: str
    old: str
    new: str
    policy: str


def pairs_of(plan: Plan, folder: str) -> tuple[Pair, ...]:
    """Of each component, in the plan's order: FOLDER/COMPONENT/old and new, and hotgate.toml beside them where there is one.

    Raises:
        FleetError: one is missing, so nothing is rehearsed.
    """
    found = []
    for name in plan.order.names:
        place = Path(folder) / name
        for file in (OLD, NEW):
            if not (place / file).is_file():
                hint = f"a drill takes {folder}/COMPONENT/{OLD} and {NEW}, and {POLICY} with [rehearsal] beside them"
                raise FleetError(f"no program of {name}: {place / file}", hint=hint)
        policy = place / POLICY
        found.append(
            Pair(
                name,
                plan.components[name].version,
                str(place / OLD),
                str(place / NEW),
                str(policy) if policy.is_file() else "",
            )
        )
    return tuple(found)

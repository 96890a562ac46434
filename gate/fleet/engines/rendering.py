"""All files of an engine for a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from gate.fleet.engines import runbook
from gate.fleet.engines.ansible import playbooks
from gate.fleet.plan import svg

if TYPE_CHECKING:
    from gate.fleet.plan.model import Plan

Engine = Literal["ansible"]
ENGINES: tuple[Engine, ...] = ("ansible",)
MARK = "Rendered by hotgate fleet render"
"""In the first lines of every file; only files that have it are replaced."""


def render(plan: Plan, engine: Engine) -> dict[str, str]:
    """Path below the folder -> text. The same plan gives the same files.

    Raises:
        FleetError: the engine cannot carry the plan out.
    """
    files = playbooks.render(plan, MARK)
    first, _, rest = svg.render(plan).partition("\n")
    files["plan.svg"] = f"{first}\n<!-- {MARK} -->\n{rest}"
    files["runbook.md"] = runbook.render(plan, runbook.commands(engine), MARK)
    return files

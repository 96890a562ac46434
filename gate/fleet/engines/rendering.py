"""All files of an engine for a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, assert_never

from gate.fleet.engines import runbook
from gate.fleet.engines.ansible import playbooks
from gate.fleet.engines.argo import names, rollouts, workflow
from gate.fleet.plan import svg

if TYPE_CHECKING:
    from gate.fleet.plan.model import Plan

Engine = Literal["ansible", "argo-workflows"]
MARK = "Rendered by hotgate fleet render"
"""In the first lines of every file; only files that have it are replaced."""


def render(plan: Plan, engine: Engine) -> dict[str, str]:
    """Path below the folder -> text. The same plan gives the same files.

    Raises:
        FleetError: the engine cannot carry the plan out.
    """
    if engine == "ansible":
        files = playbooks.render(plan, MARK)
    elif engine == "argo-workflows":
        files = _argo(plan)
    else:
        assert_never(engine)
    first, _, rest = svg.render(plan).partition("\n")
    files["plan.svg"] = f"{first}\n<!-- {MARK} -->\n{rest}"
    files["runbook.md"] = runbook.render(plan, runbook.commands(engine), MARK)
    return files


def _argo(plan: Plan) -> dict[str, str]:
    release = plan.release
    names.check(release)
    bodies = {"workflow.yaml": workflow.render(plan)}
    bodies |= {f"rollouts/{each.name}.yaml": rollouts.steps(release, each) for each in release.components}
    for namespace in sorted({each.kubernetes.namespace for each in release.components}):
        bodies[f"analysis/{namespace}.yaml"] = rollouts.analysis(release, namespace)
    return {place: f"# {MARK} {body}" for place, body in bodies.items()}

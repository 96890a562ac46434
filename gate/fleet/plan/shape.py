"""The plan as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gate.fleet.plan.model import Plan, StagePlan

SCHEMA_VERSION = "1"


def shape(plan: Plan) -> dict[str, Any]:
    """The whole plan. A batch has `count` hosts from `first` of those in `hosts` under its stage's group."""
    release = plan.release
    return {
        "schema_version": SCHEMA_VERSION,
        "release": release.name,
        "source": release.source,
        "inventory": plan.inventory or None,
        "strategy": release.strategy,
        "batches": list(release.batches),
        "observe_seconds": release.observe,
        "rollback_policy": release.rollback_policy,
        "least_seconds": plan.least if plan.inventory else None,
        "components": [
            {"name": each.name, "version": each.version, "hosts": each.hosts, "owner": each.owner or None}
            for each in release.components
        ],
        "order": list(plan.order.names),
        "levels": [list(level) for level in plan.order.levels],
        "edges": [
            {"before": e.before, "after": e.after, "kind": e.kind, "why": e.why, "everywhere": e.everywhere}
            for e in plan.order.edges
        ],
        "hosts": {group: list(hosts) for group, hosts in plan.hosts.items()},
        "stages": [_stage(plan, each) for each in plan.stages],
        "notes": list(plan.notes),
    }


def _stage(plan: Plan, own: StagePlan) -> dict[str, Any]:
    stage = own.stage
    return {
        "number": stage.number,
        "hosts": stage.hosts,
        "components": list(stage.components),
        "levels": [list(level) for level in stage.levels],
        "why": stage.why or None,
        "batches": [
            {"number": b.number, "first": b.first, "count": b.count, "least_seconds": b.least} for b in own.batches
        ],
        "taken_back_if_it_fails": {name: list(plan.taken_back(stage, name)) for name in stage.components},
    }

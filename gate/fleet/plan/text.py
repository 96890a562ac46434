"""The plan as text, for a terminal or a review."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gate.inflection import count, some

if TYPE_CHECKING:
    from gate.fleet.plan.model import Plan, StagePlan


def render(plan: Plan) -> str:
    """Order, levels, stages with their batches, times, and the way back."""
    release = plan.release
    by_name = plan.components
    size = f"{count(len(release.components), 'component')} in {count(len(plan.stages), 'stage')}"
    how = f"{release.strategy}, batches {', '.join(release.batches)}, each observed for {duration(release.observe)}"
    lines = [f"{release.name}: {size}, {how}"]
    if plan.inventory:
        everybody = len({host for hosts in plan.hosts.values() for host in hosts})
        lines.append(f"{count(everybody, 'host')} of {plan.inventory}; at least {duration(plan.least)} in all")
    else:
        lines.append("without an inventory, so hosts and times are not known: pass --inventory FILE")
    lines += ["", "Order"]
    width = len(str(len(plan.order.names)))
    for number, name in enumerate(plan.order.names, 1):
        before = list(dict.fromkeys(edge.before for edge in plan.order.before[name]))
        after = f"  after {some(before)}" if before else ""
        lines.append(f"  {number:>{width}}  {name} {by_name[name].version}{after}")
    lines += ["", "Levels: what is on one line does not wait for each other"]
    lines += [f"  {number}  {', '.join(level)}" for number, level in enumerate(plan.order.levels, 1)]
    asked = [edge for edge in plan.order.edges if edge.everywhere]
    if asked:
        lines += ["", "Compatibility: first on all hosts, then"]
        lines += [f"  {edge.before} → {edge.after}  {edge.why}" for edge in asked]
    for each in plan.stages:
        lines += ["", *_stage(plan, each)]
    lines += [f"\nNote: {note}" for note in plan.notes]
    return "\n".join(lines) + "\n"


def _stage(plan: Plan, own: StagePlan) -> list[str]:
    stage, release = own.stage, plan.release
    by_name = plan.components
    named = ", ".join(f"{name} {by_name[name].version}" for name in stage.components)
    lines = [f"Stage {stage.number}, hosts of {stage.hosts}: {named}"]
    if stage.why:
        lines.append(f"  a stage of its own: {stage.why}")
    hosts = plan.hosts.get(stage.hosts, ())
    for batch in own.batches:
        names = list(hosts[batch.first : batch.first + batch.count])
        lines.append(
            f"  batch {batch.number}  {count(batch.count, 'host')} ({some(names)}), at least {duration(batch.least)}"
        )
    if not own.batches:
        lines.append(f"  batches of {', '.join(release.batches)}")
    lines.append("  If one fails, this is taken back on the hosts of the stage that have it, in this order:")
    lines += [f"    {name}: {' → '.join(plan.taken_back(stage, name))}" for name in stage.components]
    if release.rollback_policy == "manual":
        lines[-len(stage.components) - 1] = "  If one fails, the release stops, and rollback.yml takes back by hand:"
    earlier = plan.moved_until(stage.number)
    lines.append(f"  Everything until here is taken back in this order: {_way(earlier)}")
    return lines


def _way(names: tuple[str, ...]) -> str:
    shown = " → ".join(names[:8])
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8:,} more"


def duration(seconds: float) -> str:
    """`45 s`, `10 min`, `1 h 30 min`, `2 d 3 h`: two units at most."""
    left = round(seconds)
    found = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if left >= size:
            found.append(f"{left // size} {unit}")
            left %= size
    return " ".join(found[:2]) or "0 s"

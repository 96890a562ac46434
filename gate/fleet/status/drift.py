"""What was seen, held against the plan: by component, and how far each batch is."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from gate.exits import EXIT_CODES
from gate.inflection import count, some
from gate.report.text.clean import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gate.fleet.plan.model import Plan
    from gate.fleet.status.asking import Seen

SCHEMA_VERSION = "1"
MOST_ROWS = 50
State = Literal["as planned", "drift", "not known"]


class Column(Struct, frozen=True):
    """A component: how many of its hosts run which version, and those that differ from the plan or tell nothing."""

    name: str
    planned: str
    versions: dict[str, int]
    differ: tuple[Seen, ...]
    unknown: tuple[Seen, ...]

    @property
    def hosts(self) -> int:
        """All of them."""
        return sum(self.versions.values()) + len(self.unknown)


class Progress(Struct, frozen=True):
    """A batch: `done` of its `count` hosts run what the plan says, of all components of the stage."""

    stage: int
    number: int
    count: int
    done: int


class Status(Struct, frozen=True):
    """All of it; `exit_code` is 0 as planned, 10 drift, 11 not known."""

    columns: tuple[Column, ...]
    batches: tuple[Progress, ...]
    seen: tuple[Seen, ...]

    @property
    def state(self) -> State:
        """Drift weighs more than what is not known."""
        if any(each.differ for each in self.columns):
            return "drift"
        return "not known" if any(each.unknown for each in self.columns) else "as planned"

    @property
    def exit_code(self) -> int:
        """As everywhere: nothing that is not known is as planned."""
        return {"as planned": 0, "drift": EXIT_CODES["block"], "not known": EXIT_CODES["inconclusive"]}[self.state]


def status_of(plan: Plan, seen: Sequence[Seen]) -> Status:
    """Hold what was seen against the plan. A host with a problem is not as planned, whatever runs there."""
    by_name: dict[str, list[Seen]] = {name: [] for name in plan.order.names}
    good: dict[tuple[str, str], bool] = {}
    for each in seen:
        by_name[each.component].append(each)
        good[each.component, each.host] = each.version == plan.components[each.component].version and not each.problem
    columns = []
    for name, rows in by_name.items():
        planned = plan.components[name].version
        known = [each for each in rows if each.version]
        columns.append(
            Column(
                name,
                planned,
                dict(sorted(Counter(each.version for each in known).items())),
                tuple(each for each in known if each.version != planned or each.problem),
                tuple(each for each in rows if not each.version),
            )
        )
    batches = []
    for own in plan.stages:
        hosts = plan.hosts[own.stage.hosts]
        for batch in own.batches:
            named = hosts[batch.first : batch.first + batch.count]
            done = sum(all(good.get((name, host), False) for name in own.stage.components) for host in named)
            batches.append(Progress(own.stage.number, batch.number, batch.count, done))
    return Status(tuple(columns), tuple(batches), tuple(seen))


def shape(plan: Plan, status: Status) -> dict[str, Any]:
    """As JSON, whole."""
    return {
        "schema_version": SCHEMA_VERSION,
        "release": plan.release.name,
        "state": status.state,
        "exit_code": status.exit_code,
        "components": [
            {
                "name": each.name,
                "planned": each.planned,
                "hosts": each.hosts,
                "versions": each.versions,
                "differ": [_row(seen) for seen in each.differ],
                "unknown": [_row(seen) for seen in each.unknown],
            }
            for each in status.columns
        ],
        "batches": [
            {"stage": each.stage, "number": each.number, "count": each.count, "done": each.done}
            for each in status.batches
        ],
    }


def _row(seen: Seen) -> dict[str, str | None]:
    return {"host": seen.host, "version": seen.version or None, "problem": seen.problem or None}


def render(plan: Plan, status: Status) -> str:
    """As text."""
    lines = [f"{plan.release.name}: {status.state}", ""]
    width = max(len(each.name) for each in status.columns)
    for column in status.columns:
        versions = ", ".join(f"{clean(version)} on {number:,}" for version, number in column.versions.items())
        unknown = f"{', ' if versions else ''}not known on {len(column.unknown):,}" if column.unknown else ""
        lines.append(f"  {column.name:<{width}}  planned {column.planned}: {versions}{unknown}")
    lines.append("")
    for batch in status.batches:
        state = "done" if batch.done == batch.count else f"{batch.done:,} of {batch.count:,}"
        lines.append(f"  stage {batch.stage}, batch {batch.number}, {count(batch.count, 'host')}: {state}")
    rows = [
        f"  {seen.host}: {column.name} {clean(seen.version) or 'not known'}{': ' + clean(seen.problem) if seen.problem else ''}"
        for column in status.columns
        for seen in (*column.differ, *column.unknown)
    ]
    if rows:
        lines += ["", "Not as planned", *rows[:MOST_ROWS]]
        if len(rows) > MOST_ROWS:
            lines.append(f"  {some([str(len(rows) - MOST_ROWS)])} more: --format json has them all")
    return "\n".join(lines) + "\n"

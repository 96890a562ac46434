"""Rehearse every component of a release on this machine, in the plan's order, and record it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gate.cli._fleet._options import load
from gate.cli._shared.audit import audit_options, keep_verdict, open_audit
from gate.cli._shared.ending import clean_up_on_sigterm
from gate.cli._shared.output import print_text
from gate.cli._shared.policy import resolve_policy
from gate.cli._shared.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.fleet.drill.pairs import Pair

WORST = ("pass", "inconclusive", "block")


@click.command(
    "drill",
    epilog="Exit codes: 0 pass, 10 a component is blocked, 11 one is inconclusive, 2 usage, 1 a bug in hotgate. All are rehearsed "
    "whatever becomes of the first.",
)
@click.argument("release", type=click.Path())
@click.option(
    "--binaries",
    metavar="DIR",
    required=True,
    help="DIR/COMPONENT/old and new, and hotgate.toml with [rehearsal] beside them.",
)
@click.option(
    "--isolate",
    type=click.Choice(["auto", "require", "no"]),
    default="auto",
    show_default=True,
    help="As `hotgate rehearse` does.",
)
@click.option("--max-time", metavar="TIME", help="What each rehearsal may take, such as 5m.")
@click.option("--updates", type=click.IntRange(1, 10_000), help="How many updates each, instead of its plan's.")
@click.option("--format", "format_name", type=click.Choice(("text", "json")), default="text", show_default=True)
@audit_options
@click.option("--quiet", is_flag=True, help="No line on a terminal's stderr that says what is being done.")
def command(  # noqa: PLR0913 - keywords, one a flag
    release: str,
    *,
    binaries: str,
    isolate: Any,
    max_time: str | None,
    updates: int | None,
    format_name: str,
    audit: bool | None,
    store: str | None,
    quiet: bool,
) -> int:
    """Rehearse the whole plan of RELEASE: of each component the update from DIR/COMPONENT/old to new, there and back, under load.

    It runs the programs. Each verdict is a record of the audit log, as that of `hotgate rehearse` is.
    """
    from gate.exits import EXIT_CODES
    from gate.fleet.drill.pairs import pairs_of
    from gate.policy.units import parse_seconds

    budget = parse_seconds(max_time) if max_time else 0.0
    plan = load(release, None)
    pairs = pairs_of(plan, binaries)
    clean_up_on_sigterm()
    rows = []
    with Progress(quiet=quiet) as progress:
        for pair in pairs:

            def stage(said: str, name: str = pair.component) -> None:
                progress.stage(f"{name}: {said}")

            rows.append(
                _rehearsed(
                    pair,
                    plan.release.name,
                    stage,
                    isolate=isolate,
                    budget=budget,
                    updates=updates,
                    audit=audit,
                    store=store,
                )
            )
    worst = max((row["verdict"] for row in rows), key=WORST.index)
    if format_name == "json":
        import json

        shape = {
            "schema_version": "1",
            "release": plan.release.name,
            "verdict": worst,
            "exit_code": EXIT_CODES[worst],
            "components": rows,
        }
        print_text(json.dumps(shape, indent=1, ensure_ascii=False) + "\n")
    else:
        from gate.report.text.clean import clean

        lines = [f"{plan.release.name}: {worst.upper()}"]
        width = max(len(row["component"]) for row in rows)
        lines += [
            f"  {row['component']:<{width}}  {row['version']}  {row['verdict']:<12}  {clean('; '.join(row['reasons']))}".rstrip()
            for row in rows
        ]
        print_text("\n".join(lines) + "\n")
    return EXIT_CODES[worst]


def _rehearsed(  # noqa: PLR0913 - keywords, one a flag
    pair: Pair,
    release: str,
    stage: Callable[[str], None],
    *,
    isolate: Any,
    budget: float,
    updates: int | None,
    audit: bool | None,
    store: str | None,
) -> dict[str, Any]:
    from msgspec.structs import replace

    from gate.rehearsal.plan.model import Plan as RehearsalPlan
    from gate.rehearsal.plan.reading import load_plan
    from gate.rehearsal.problem import CannotRehearse
    from gate.runs.rehearsal import perform

    row: dict[str, Any] = {"component": pair.component, "version": pair.version}
    policy = resolve_policy(pair.policy or None, None, None, ())
    own = (load_plan(pair.policy) if pair.policy else None) or RehearsalPlan()
    own = own if updates is None else replace(own, updates=updates)
    log = open_audit(policy, audit, store)
    try:
        report = perform(pair.old, pair.new, policy, own, isolate=isolate, budget=budget, stage=stage)
    except CannotRehearse as exc:
        if log is not None:
            log.close()
        return row | {"verdict": "inconclusive", "reasons": [f"cannot be rehearsed: {exc}"]}
    subject = f"drill of {release}: {pair.component}: {pair.old} → {pair.new}"
    keep_verdict(log, "rehearse", report, policy, subject=subject, inputs={"policy": policy.source or None})
    found = [
        f"{each.rule} {each.title}" for each in report.findings if each.severity == "block" and not each.suppressed
    ]
    found += [f"not known: {each.name}" for each in report.evidence if each.status != "ok"]
    return row | {"verdict": report.verdict, "reasons": found}

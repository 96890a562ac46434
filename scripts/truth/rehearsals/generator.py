"""100 updates with 200 requests a second, and a control run without any: what the generator itself loses or sends late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.truth.rehearsals.bench import NO_DRILLS, plan

if TYPE_CHECKING:
    from scripts.truth.rehearsals.bench import Bench

MOST_LATE = 0.01
"""The share of requests that may be sent more than 10 ms late."""
USUAL_ROUNDS = 1


def run(bench: Bench, rounds: int, beside: int) -> int:
    """How many runs lost something, or were late in more than `MOST_LATE`."""
    del beside
    wrong, good = 0, bench.program("good")
    for name, updates in (("control", 0), ("100 updates", 100)) * rounds:
        report = bench.rehearse("generator", good, good, plan(updates=updates, rate=200, more=NO_DRILLS))
        load = report["rehearsal"]["load"]
        lost = sum(loss["count"] for each in report["rehearsal"]["updates"] for loss in each["lost"])
        bad = lost > 0 or bool(load["control_lost"]) or load["late"] > MOST_LATE or load["unsent"] > 0
        wrong += bad
        print(
            f"{'BAD ' if bad else 'ok  '} {name}: {load['sent']:,} sent, {load['unsent']:,} not, {load['late']:.2%} late "
            f"(at most {load['latest']:,.0f} ms), {lost} lost",
            flush=True,
        )
    return wrong

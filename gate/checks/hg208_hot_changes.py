"""HG208: functions that changed hold a large share of the profile."""

from collections.abc import Iterator

from msgspec.structs import replace

from gate.evidence.model import Functions
from gate.evidence.profiles import Heat
from gate.inflection import count, some
from gate.model import Confidence, Finding, Json, Severity
from gate.policy.model import Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, change, functions
from gate.rules.samples.profiles import profiled
from probes.profile.stacks.identity import identity

RANKED = 20
MANY = 1000
"""Samples: with fewer, the standard error of a share of 5% is above 0.7 points."""


class HotChanges(Check):
    """What changed is what the service spends its time in."""

    id = "HG208"
    title = "Changed functions are hot"
    severity = Severity.WARN
    explanation = Explanation(
        what="The functions whose bodies changed between OLD and NEW are looked up in a profile of OLD, and ranked by their share: in the one of --profile, in the windows of goprobe's heartbeat, or in the second that a service without "
        "goprobe is profiled for. Inlined "
        "copies count: a function that changed is there by its own name. A warning from profile.heat_percent on, a note below.",
        why="A change where the service spends a quarter of its time can cost as much as it is worth. One in code that no profile ever saw "
        "can hardly make it slower.",
        example="The 14 changed functions hold 23% of CPU, 19% of it main.rate.",
        remedy="Compare profiles of both sides under the same load before the update: `hotgate profile diff BASE NEW`.",
    )
    samples = Samples(
        fires=(
            lambda: _case("main.rate"),
            lambda: _case("main.cold", "main.rate"),
        ),
        quiet=(profiled, lambda: _case("main.cold")),
    )

    def run(self, drift: Functions, heat: Heat, policy: Policy) -> Iterator[Finding]:
        """One finding for all functions together."""
        changed = {identity(each.name) for each in drift.changed}
        own = sorted(((heat.flat.get(name, 0.0), name) for name in changed if name in heat.cumulative), reverse=True)
        total = sum(share for share, _ in own)
        if not own:
            return
        hot = total * 100 >= policy.profile.heat_percent
        ranked: list[Json] = [
            {"function": name, "flat": share, "cumulative": heat.cumulative[name]} for share, name in own
        ]
        said = some([f"{name} {share:.1%}" for share, name in own])
        yield self.finding(
            "changed functions",
            f"The {count(len(changed), 'changed function')} hold {total:.1%} of {heat.kind or 'all'} samples by themselves and "
            f"{heat.together(changed):.1%} with what they call: {said}.",
            severity=Severity.WARN if hot else Severity.INFO,
            confidence=Confidence.HIGH if heat.samples >= MANY else Confidence.MEDIUM,
            evidence={
                "share": total,
                "with_callees": heat.together(changed),
                "functions": ranked[:RANKED],
                "samples": heat.samples,
                "profile": heat.source,
            },
        )


def _case(*names: str) -> Case:
    return replace(profiled(), functions=functions(changed=tuple(change(name) for name in names)))

"""HG414: built without optimisation."""

import re
from collections.abc import Iterator

from gate.check import Check, Explanation, Samples
from gate.evidence import Builds
from gate.model import Finding, Severity
from gate.samples import Case, build, other

SWITCHES = {"-N": "without optimisation (-N)", "-l": "without inlining (-l)"}
"""Flags of the compiler (go tool compile)."""


class Unoptimised(Check):
    """NEW was built for a debugger."""

    id = "HG414"
    title = "Built without optimisation"
    severity = Severity.WARN
    explanation = Explanation(
        what="NEW was built with -N or -l among the compiler's flags (-gcflags), as the build settings in it say, and OLD was not.",
        why="The compiler then keeps every variable in memory and calls every small function: the service needs several times "
        "the processor time, and its stacks are deeper.",
        example="A developer's build for a debugger (-gcflags=all=-N -l) was uploaded to the release bucket.",
        remedy="Build NEW without -N and -l.",
    )
    samples = Samples(
        fires=(
            lambda: Case(new=other(build=build(settings={"-gcflags": "all=-N -l"}))),
            lambda: Case(new=other(build=build(settings={"-gcflags": "-l"}))),
        ),
        quiet=(
            Case,
            lambda: Case(new=other(build=build(settings={"-gcflags": "all=-spectre=all -lang=go1.21"}))),
            lambda: Case(
                old=other(build=build(settings={"-gcflags": "all=-N -l"})),
                new=other(build=build(settings={"-gcflags": "all=-N -l"})),
            ),
        ),
    )

    def run(self, builds: Builds) -> Iterator[Finding]:
        """At most one finding."""
        before, after = (_switches(side.settings.get("-gcflags", "")) for side in (builds.old, builds.new))
        found = [what for flag, what in SWITCHES.items() if flag in after - before]
        if found:
            yield self.finding(
                "compiler flags",
                f"The service will need more processor time: NEW was compiled {' and '.join(found)}.",
                evidence={"-gcflags": builds.new.settings["-gcflags"]},
            )


def _switches(flags: str) -> set[str]:
    return set(re.split(r"[\s=]+", flags)) & SWITCHES.keys()

"""HG414: built without optimisation, or with a build tag for debugging."""

import re
from collections.abc import Iterator

from gate.evidence.model import Builds
from gate.model import Finding, Severity
from gate.policy.model import Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, build, other

SWITCHES = {"-N": "without optimisation (-N)", "-l": "without inlining (-l)"}
"""Flags of the compiler (go tool compile)."""


class Unoptimised(Check):
    """NEW was built for a debugger, or with code for debugging."""

    id = "HG414"
    title = "Built for debugging"
    severity = Severity.WARN
    explanation = Explanation(
        what="NEW was built with -N or -l among the compiler's flags (-gcflags), or with a build tag that the policy lists in "
        "`debug_tags` (by default `debug`), as the build settings in it say, and OLD was not.",
        why="Without optimisation, the compiler keeps every variable in memory and calls every small function: the service "
        "needs several times the processor time, and its stacks are deeper. A tag for debugging brings code that is not "
        "meant for release, such as checks, logs and handlers.",
        example="A developer's build for a debugger (-gcflags=all=-N -l) was uploaded to the release bucket.",
        remedy="Build NEW without -N and -l, and without the tag.",
    )
    samples = Samples(
        fires=(
            lambda: Case(new=other(build=build(settings={"-gcflags": "all=-N -l"}))),
            lambda: Case(new=other(build=build(settings={"-gcflags": "-l"}))),
            lambda: Case(new=other(build=build(settings={"-tags": "netgo,debug"}))),
            lambda: Case(
                new=other(build=build(settings={"-tags": "trace"})), policy=Policy(debug_tags=("trace", "invariants"))
            ),
        ),
        quiet=(
            Case,
            lambda: Case(new=other(build=build(settings={"-gcflags": "all=-spectre=all -lang=go1.21"}))),
            lambda: Case(new=other(build=build(settings={"-tags": "netgo,debugger"}))),
            lambda: Case(new=other(build=build(settings={"-tags": "debug"})), policy=Policy(debug_tags=())),
            lambda: Case(
                old=other(build=build(settings={"-tags": "debug"})), new=other(build=build(settings={"-tags": "debug"}))
            ),
            lambda: Case(
                old=other(build=build(settings={"-gcflags": "all=-N -l"})),
                new=other(build=build(settings={"-gcflags": "all=-N -l"})),
            ),
        ),
    )

    def run(self, builds: Builds, policy: Policy) -> Iterator[Finding]:
        """At most one finding about the compiler's flags, and one about the tags."""
        before, after = (_switches(side.settings.get("-gcflags", "")) for side in (builds.old, builds.new))
        found = [what for flag, what in SWITCHES.items() if flag in after - before]
        if found:
            yield self.finding(
                "compiler flags",
                f"The service will need more processor time: NEW was compiled {' and '.join(found)}.",
                evidence={"-gcflags": builds.new.settings["-gcflags"]},
            )
        before, after = (_tags(side.settings.get("-tags", "")) for side in (builds.old, builds.new))
        tags = sorted((after - before) & set(policy.debug_tags))
        if tags:
            yield self.finding(
                "build tags",
                f"Code for debugging is in NEW: it was built with -tags={','.join(tags)}.",
                evidence={"-tags": builds.new.settings["-tags"]},
            )


def _tags(tags: str) -> set[str]:
    return set(re.split(r"[\s,]+", tags)) - {""}


def _switches(flags: str) -> set[str]:
    return set(re.split(r"[\s=]+", flags)) & SWITCHES.keys()

"""HG405: GOEXPERIMENT changed."""

from collections.abc import Iterator

from gate.evidence.model import Builds
from gate.inflection import value
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, build, other


class Goexperiment(Check):
    """Other toolchain experiments are on in NEW."""

    id = "HG405"
    title = "GOEXPERIMENT changed"
    severity = Severity.WARN
    explanation = Explanation(
        what="GOEXPERIMENT switches unfinished parts of the toolchain and the runtime on or off; the two builds differ in it.",
        why="Experiments replace the garbage collector, maps, locks or the JSON encoder. They have no compatibility promise.",
        example="GOEXPERIMENT=greenteagc in the new build's environment.",
        remedy="Set the same GOEXPERIMENT for both builds, or try the change on a host that may fail.",
    )
    samples = Samples(
        fires=(lambda: Case(new=other(build=build(settings={"GOEXPERIMENT": "greenteagc"}))),),
        quiet=(Case,),
    )

    def run(self, builds: Builds) -> Iterator[Finding]:
        """At most one finding."""
        before, after = (side.settings.get("GOEXPERIMENT") for side in (builds.old, builds.new))
        if (before or "") != (after or ""):
            yield self.finding(
                "GOEXPERIMENT",
                f"The new image runs with other experimental parts of Go: {value(before)} → {value(after)}.",
                evidence={"old": before, "new": after},
                key=f"{before} {after}",
            )

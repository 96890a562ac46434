"""HG406: built with a detector or with coverage."""

from collections.abc import Iterator

from gate.evidence.model import Builds
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, build, other

INSTRUMENTS = {
    "-race": "the race detector takes 5 to 10 times the memory and 2 to 20 times the time",
    "-msan": "the memory sanitizer is for tests and ends the process at its first report",
    "-asan": "the address sanitizer is for tests and ends the process at its first report",
    "-cover": "coverage counters slow every block down and write files at exit",
}


class Instrumented(Check):
    """NEW is a test build."""

    id = "HG406"
    title = "Built with a detector or coverage"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="NEW was built with -race, -msan, -asan or -cover.",
        why="These builds are for tests: several times slower and larger, and a sanitizer ends the process at its first "
        "report. The race detector's costs are stated at https://go.dev/doc/articles/race_detector.",
        example="The deploy job picked up the artifact of the test job.",
        remedy="Build NEW without -race, -msan, -asan and -cover.",
    )
    samples = Samples(
        fires=(lambda: Case(new=other(build=build(settings={"-race": "true"}))),),
        quiet=(Case, lambda: Case(new=other(build=build(settings={"-race": "false"})))),
    )

    def run(self, builds: Builds) -> Iterator[Finding]:
        """One finding for each instrument."""
        for flag, cost in INSTRUMENTS.items():
            if builds.new.settings.get(flag) == "true":
                yield self.finding(flag, f"The service will run a test build: NEW was built with {flag}, and {cost}.")

"""HG410: NEW is another program."""

from collections.abc import Iterator

from gate.evidence.model import Builds, NewBinary, OldBinary
from gate.inflection import value
from gate.model import Finding, Mode, Severity
from gate.policy.model import Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, binary, build, other
from probes.go.buildinfo.facts import Module


class OtherProgram(Check):
    """The main package or the main module differs."""

    id = "HG410"
    title = "NEW is another program"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="The main package, or the module it belongs to, is not the one of OLD.",
        why="The process would go on under its PID and name, and be something else.",
        example="The artifact of cmd/shopctl was deployed in place of cmd/shop.",
        remedy="Pass the right binary. If the program was renamed on purpose, restart the service for this one update.",
    )
    samples = Samples(
        fires=(
            lambda: Case(new=other(build=build(path="example.com/shop/cmd/shopctl"))),
            lambda: Case(new=other(build=build(main=Module("example.com/fork", "v1.4.0", "")))),
        ),
        quiet=(
            Case,
            lambda: Case(
                old=binary(linkage="plugin"),
                new=other(linkage="plugin", build=build(path="example.com/shop/v2")),
                policy=Policy(mode=Mode.PLUGIN),
            ),
        ),
    )

    def run(self, builds: Builds, one: OldBinary, other: NewBinary, mode: Mode) -> Iterator[Finding]:
        """One finding, on the package when that differs, else on the module."""
        old, new = builds.old, builds.new
        if mode is Mode.PLUGIN and one.linkage == other.linkage == "plugin":
            return  # loaded beside OLD, which needs another path: HG306
        modules = [side.main.path if side.main else None for side in (old, new)]
        if old.path != new.path:
            yield self.finding(
                "main package",
                f"The process would become another program: OLD is {value(old.path)} and NEW is {value(new.path)}.",
                evidence={"old": old.path, "new": new.path},
                key="package",
            )
        elif modules[0] != modules[1]:
            yield self.finding(
                "main module",
                f"The process would become a build of another module: {value(modules[0])} → {value(modules[1])}.",
                evidence={"old": modules[0], "new": modules[1]},
                key="module",
            )

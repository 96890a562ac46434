"""HG407: other build settings changed."""

from collections.abc import Iterator

from gate.evidence.model import BuildChanges
from gate.inflection import count, some, value
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, build, other

# Settings that a rule of their own speaks about.
ELSEWHERE = {
    "GOOS",
    "GOARCH",
    "GOAMD64",
    "GOARM64",
    "GOEXPERIMENT",
    "DefaultGODEBUG",
    "GOFIPS140",
    "CGO_ENABLED",
    "-race",
    "-msan",
    "-asan",
    "-cover",
}


class BuildFlags(Check):
    """Build tags, PGO, trimpath, compiler or linker flags differ."""

    id = "HG407"
    title = "Build settings changed"
    severity = Severity.INFO
    explanation = Explanation(
        what="Build tags, profile-guided optimisation, -trimpath, compiler or linker flags differ between the builds.",
        why="Tags choose other files, PGO other inlining, flags other code: functions change that were not edited.",
        example="The new build lost -tags=netgo, so name lookups went through the C library.",
        remedy="Build both with the same flags, or note why they differ.",
    )
    samples = Samples(
        fires=(lambda: Case(new=other(build=build(settings={"-tags": "netgo"}))),),
        quiet=(Case, lambda: Case(new=other(build=build(settings={"vcs.revision": "0" * 40})))),
    )

    def run(self, drift: BuildChanges) -> Iterator[Finding]:
        """One finding over all settings."""
        changed = [
            each
            for each in drift.settings
            if each.name not in ELSEWHERE and not each.name.startswith("vcs") and (each.old or "") != (each.new or "")
        ]
        if changed:
            shown = [f"{each.name} {value(each.old)} → {value(each.new)}" for each in changed]
            yield self.finding(
                "build settings",
                f"Functions that were not edited may differ, because {count(len(changed), 'build setting')} changed: "
                f"{some(shown)}.",
                evidence={"settings": {each.name: [each.old, each.new] for each in changed}},
                key=",".join(each.name for each in changed),
            )

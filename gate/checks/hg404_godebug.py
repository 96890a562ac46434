"""HG404: effective GODEBUG defaults flip."""

from collections.abc import Iterator

from gate.evidence.model import BuildChanges, Builds
from gate.inflection import count, some, value
from gate.model import Confidence, Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, build, other


class GodebugFlips(Check):
    """Behaviour switches of the standard library have another default in NEW."""

    id = "HG404"
    title = "GODEBUG defaults flip"
    severity = Severity.WARN
    explanation = Explanation(
        what="GODEBUG settings switch old behaviour of the standard library on and off. Their defaults come from the `go` "
        "line of go.mod, `//go:debug` lines and the toolchain. Between OLD and NEW the effective default of some differs.",
        why="TLS, HTTP, DNS, timers and certificates behave differently although no line of your code changed.",
        example="Raising `go 1.22` to `go 1.24` in go.mod switches tlsmlkem on: larger TLS hellos, which some old "
        "middleboxes drop.",
        remedy="Look each setting up at https://go.dev/doc/godebug; keep the old value with a `godebug` line in go.mod.",
    )
    samples = Samples(
        fires=(lambda: Case(new=other(build=build(godebug={"tlsmlkem": "0"}))),),
        quiet=(Case,),
    )

    def run(self, drift: BuildChanges, builds: Builds) -> Iterator[Finding]:
        """One finding over all settings."""
        if drift.godebug:
            known = builds.old.godebug_known and builds.new.godebug_known
            shown = [f"{flip.name} {value(flip.old)} → {value(flip.new)}" for flip in drift.godebug]
            yield self.finding(
                "GODEBUG",
                f"The standard library will behave differently in {count(len(shown), 'place')}: {some(shown, 8)}.",
                confidence=Confidence.HIGH if known else Confidence.LOW,
                evidence={"settings": {flip.name: [flip.old, flip.new] for flip in drift.godebug}},
                key=",".join(flip.name for flip in drift.godebug),
            )

"""HG403: the Go toolchain moved a minor version, or back."""

from collections.abc import Iterator

from gate.evidence.model import NewBinary, OldBinary
from gate.model import Confidence, Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, other
from gate.rules.support.go_releases import release


class Toolchain(Check):
    """OLD and NEW were built by different Go releases."""

    id = "HG403"
    title = "Go toolchain moved"
    severity = Severity.WARN
    explanation = Explanation(
        what="NEW was built with another minor release of Go than OLD, or with an older one. A newer patch release of the "
        "same minor release is not reported.",
        why="A minor release brings another runtime, compiler and standard library: garbage collection, scheduling and "
        "defaults change along with your own edit. An older one brings back fixed bugs, security ones among them.",
        example="go1.26.3 → go1.27.0 came with the base image of the build.",
        remedy="Pin the toolchain with the `toolchain` line of go.mod, and move it in an update of its own.",
    )
    samples = Samples(
        fires=(
            lambda: Case(new=other(go_version="go1.27.0")),
            lambda: Case(new=other(go_version="go1.26.1")),
            lambda: Case(new=other(go_version="devel go1.28-3f2a")),
        ),
        quiet=(Case, lambda: Case(new=other(go_version="go1.26.4"))),
    )

    def run(self, old: OldBinary, new: NewBinary) -> Iterator[Finding]:
        """At most one finding."""
        before, after = old.go_version, new.go_version
        if before is None or after is None or before == after:
            return
        left, right = release(before), release(after)
        if left is None or right is None:
            message = (
                f"The new image has another runtime and standard library: {before} → {after}, which have no order."
            )
            confidence = Confidence.LOW
        elif right < left:
            message = f"The new image goes back to an older runtime and standard library: {before} → {after}."
            confidence = Confidence.HIGH
        elif right[0] != left[0]:
            message = f"The new image has the runtime and standard library of another Go release: {before} → {after}."
            confidence = Confidence.HIGH
        else:
            return
        yield self.finding(
            "Go toolchain",
            message,
            confidence=confidence,
            evidence={"old": before, "new": after},
            key=f"{before} {after}",
        )

"""HG401: built for another operating system or processor."""

from collections.abc import Iterator

from gate.evidence.model import NewBinary, OldBinary
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, other


class Platform(Check):
    """OLD and NEW are for different operating systems or architectures."""

    id = "HG401"
    title = "Operating system or architecture differs"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="OLD and NEW were built for different operating systems or processor architectures.",
        why="The process runs OLD, so its host is of OLD's kind. exec of the other kind fails with `exec format error`, or "
        "starts under an emulator without anybody noticing.",
        example="The pipeline picked the arm64 artifact for an amd64 host.",
        remedy="Take the artifact that was built with OLD's GOOS and GOARCH.",
    )
    samples = Samples(
        fires=(lambda: Case(new=other(arch="arm64")), lambda: Case(new=other(os="freebsd"))),
        quiet=(Case,),
    )

    def run(self, old: OldBinary, new: NewBinary) -> Iterator[Finding]:
        """At most one finding."""
        before, after = f"{old.os}/{old.arch}", f"{new.os}/{new.arch}"
        if before != after:
            yield self.finding(
                "platform",
                f"The exec will fail on the host that runs OLD: OLD is for {before} and NEW for {after}.",
                evidence={"old": before, "new": after},
            )

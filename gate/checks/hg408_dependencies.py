"""HG408: a dependency was downgraded, replaced or lost its checksum."""

from collections.abc import Iterator

from gate.evidence.model import BuildChanges
from gate.inflection import value
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, build, other
from probes.go.buildinfo.facts import Module

MESSAGES = {
    "downgraded": "Fixes may be lost: {path} goes back from {old} to {new}.",
    "replaced": "Other code stands in for {path}: {old} → {new}.",
    "sum-lost": "Which code of {path} is in NEW cannot be proved: its checksum {old} is gone.",
    "sum-changed": "{path} has the same version and other contents: checksum {old} → {new}.",
}


class Dependencies(Check):
    """A module of NEW is older, replaced, or cannot be proved to be what it says."""

    id = "HG408"
    title = "Dependency downgraded, replaced or without checksum"
    severity = Severity.WARN
    explanation = Explanation(
        what="A module in the build went back to an older version, was replaced by another module or a local folder, lost "
        "its checksum, or has another checksum under the same version.",
        why="A downgrade brings fixed bugs back. A replacement or a lost checksum means that the code is not what the "
        "version says, and cannot be fetched and reviewed again.",
        example="A `replace example.com/rates => ../rates` from a developer's machine stayed in go.mod.",
        remedy="Run `go mod verify`, drop the replace line, and require the version you mean in go.mod.",
    )
    samples = Samples(
        fires=(
            lambda: Case(new=other(build=build(deps=(Module("example.com/rates", "v1.1.9", "h1:b2xkZXI="),)))),
            lambda: Case(new=other(build=build(deps=(Module("example.com/rates", "v1.2.0", ""),)))),
            lambda: Case(
                new=other(
                    build=build(deps=(Module("example.com/rates", "v1.2.0", "", Module("../rates", "(devel)", "")),))
                )
            ),
        ),
        quiet=(
            Case,
            lambda: Case(new=other(build=build(deps=(Module("example.com/rates", "v1.3.0", "h1:bmV3ZXI="),)))),
        ),
    )

    def run(self, drift: BuildChanges) -> Iterator[Finding]:
        """One finding for each module."""
        for change in drift.modules:
            message = MESSAGES.get(change.kind)
            if message is not None:
                yield self.finding(
                    change.path,
                    message.format(path=change.path, old=value(change.old), new=value(change.new)),
                    evidence={"kind": change.kind, "old": change.old, "new": change.new},
                    key=change.kind,
                )

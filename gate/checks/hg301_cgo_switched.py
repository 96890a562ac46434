"""HG301: cgo switched on or off."""

from collections.abc import Iterator

from gate.evidence.model import NewBinary, OldBinary
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, binary, other


class CgoSwitched(Check):
    """One image runs C code and the other does not."""

    id = "HG301"
    title = "cgo switched on or off"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="One of the two images is linked with cgo and the other is not.",
        why="With cgo, the C library owns thread creation, signal setup, thread-local storage and, by default, name "
        "lookups. The switch changes how DNS and users are resolved, which libraries the host must have, and which "
        "C state is lost by exec.",
        example="The build moved to an image without a C compiler: CGO_ENABLED fell to 0 and DNS answers changed.",
        remedy="Set CGO_ENABLED for both builds to the same value; if the switch is meant, restart the service for it.",
    )
    samples = Samples(
        fires=(
            lambda: Case(new=other(cgo=True)),
            lambda: Case(old=binary(cgo=True)),
            lambda: Case(new=other(cgo=None)),
        ),
        quiet=(Case, lambda: Case(old=binary(cgo=True), new=other(cgo=True))),
    )

    def run(self, old: OldBinary, new: NewBinary) -> Iterator[Finding]:
        """At most one finding; a doubt when a side does not tell."""
        for side, facts in (("OLD", old), ("NEW", new)):
            if facts.cgo is None:
                yield self.unverified(
                    "cgo",
                    f"Whether {side} uses cgo is unknown: neither its build information nor its symbols tell.",
                    remedy=f"Build {side} with `go build` inside its module, which embeds build information.",
                )
                return
        if old.cgo != new.cgo:
            switch = "on" if new.cgo else "off"
            yield self.finding(
                "cgo",
                f"Name lookups, threads and signals will work differently: cgo is switched {switch} in NEW.",
                evidence={"old": old.cgo, "new": new.cgo},
            )

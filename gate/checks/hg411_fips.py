"""HG411: FIPS mode changed, or the module's integrity sum does not hold."""

from collections.abc import Iterator

from gate.evidence.model import NewBinary, OldBinary
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, binary, build, other


class Fips(Check):
    """The FIPS 140 module of NEW is switched, or would fail its self-check."""

    id = "HG411"
    title = "FIPS 140 mode changed or broken"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="The linker stores an integrity sum over the code and data of Go's FIPS 140 module; in FIPS mode the new "
        "image verifies it at start. The sum in NEW does not hold, or the mode differs from OLD's. A broken sum blocks where "
        "NEW's own defaults switch the mode on; where only GODEBUG could, it is a warning, and none if OLD's is broken too.",
        why="With a broken sum the new image panics at start (`fips140: verification mismatch`). A switched mode changes "
        "which algorithms TLS and signatures may use, and whether the service still meets its certificate.",
        example="strip or a packer touched the section that the sum covers; lld breaks it in every PIE.",
        remedy="Ship the binary as the linker wrote it; set GOFIPS140 and the fips140 GODEBUG setting as in OLD's build.",
    )
    samples = Samples(
        fires=(
            lambda: Case(new=other(fips="broken")),
            lambda: Case(new=other(fips="broken", build=build(godebug={"fips140": "on"}))),
            lambda: Case(new=other(fips="on")),
            lambda: Case(old=binary(fips="on"), new=other(fips=None)),
        ),
        quiet=(
            Case,
            lambda: Case(old=binary(fips=None)),
            lambda: Case(old=binary(fips="broken")),
            lambda: Case(old=binary(fips="broken"), new=other(fips="broken")),
        ),
    )

    def run(self, old: OldBinary, new: NewBinary) -> Iterator[Finding]:
        """At most one finding. A module that is not linked in counts as off."""
        before, after = old.fips or "off", new.fips or "off"
        if after == "broken":
            switched_on = new.build is not None and new.build.godebug.get("fips140", "off") not in {"", "off"}
            if not switched_on and before == "broken":
                return  # the linker of both breaks the sum, and nothing looks at it
            yield self.finding(
                "FIPS 140 module",
                f"The new image {'will' if switched_on else 'would'} panic at start in FIPS mode"
                f"{'' if switched_on else ', which is off in it unless GODEBUG switches it on'}: the integrity sum over its "
                "FIPS module does not hold.",
                severity=Severity.BLOCK if switched_on else Severity.WARN,
                evidence={"old": old.fips, "new": new.fips},
                key="broken",
            )
        elif before not in {after, "broken"}:
            yield self.finding(
                "FIPS 140 mode",
                f"Other cryptographic algorithms will be allowed: FIPS mode goes from {before} to {after}.",
                evidence={"old": old.fips, "new": new.fips},
                key="mode",
            )

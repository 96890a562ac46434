"""HG102: the function table cannot be verified."""

from collections.abc import Iterator

from msgspec.structs import replace

from gate.evidence.model import NewBinary, OldBinary
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import HEALTH, Case, binary, other


class TableUnverifiable(Check):
    """A function table is obfuscated, or of a layout that is not known."""

    id = "HG102"
    title = "The function table cannot be verified"
    severity = Severity.WARN
    inconclusive = True
    explanation = Explanation(
        what="The function table of OLD or NEW is obfuscated, or its layout belongs to a Go release that this version "
        "of hotgate does not know.",
        why="Without the table it is not known which functions changed, so nothing that rests on it is known. "
        "hotgate answers inconclusive rather than guess.",
        example="The release build went through garble, which encrypts the entries of the table.",
        remedy="Compare the binaries before they are obfuscated; for a new Go release, update hotgate.",
    )
    samples = Samples(
        fires=(
            lambda: Case(new=other(health=replace(HEALTH, unverifiable="its layout is newer than go1.27"))),
            lambda: Case(old=binary(health=replace(HEALTH, obfuscated=True))),
        ),
        quiet=(Case,),
    )

    def run(self, old: OldBinary, new: NewBinary) -> Iterator[Finding]:
        """One doubt a side."""
        for side, facts in (("OLD", old), ("NEW", new)):
            reason = facts.health.unverifiable or ("it is obfuscated" if facts.health.obfuscated else "")
            if reason:
                yield self.unverified(
                    f"{side} function table",
                    f"The function table of {side} does not show what changed: {reason}.",
                    evidence={"layout": facts.health.layout, "obfuscated": facts.health.obfuscated},
                )

"""HG105: the new binary lost its debugging information."""

from collections.abc import Iterator

from gate.evidence.model import NewBinary, OldBinary
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, binary, other


class DwarfLost(Check):
    """NEW has no DWARF where OLD had it."""

    id = "HG105"
    title = "DWARF lost"
    severity = Severity.INFO
    explanation = Explanation(
        what="OLD carried DWARF debugging information and NEW does not.",
        why="A debugger can no longer show variables or step through lines of the new image. It runs as before.",
        example="The new build added -ldflags=-w.",
        remedy="Link without -w, or keep an unstripped copy of NEW for debugging.",
    )
    samples = Samples(
        fires=(lambda: Case(new=other(has_dwarf=False)),),
        quiet=(Case, lambda: Case(old=binary(has_dwarf=False), new=other(has_dwarf=False))),
    )

    def run(self, old: OldBinary, new: NewBinary) -> Iterator[Finding]:
        """At most one finding."""
        if old.has_dwarf and not new.has_dwarf:
            yield self.finding(
                "DWARF", "Debuggers will not show variables of the new image: NEW has no DWARF and OLD had."
            )

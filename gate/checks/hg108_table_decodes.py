"""HG108: a line, file or stack table decodes out of range."""

from collections.abc import Iterator

from msgspec.structs import replace

from gate.evidence.model import NewBinary
from gate.inflection import count
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import HEALTH, Case, other
from probes.go.fault import Fault

FAULT = Fault("line-table", "main.rate", "line -4 at offset 0x20 of the function", offset=0x9000)


class TableDecodes(Check):
    """A table of NEW that maps addresses to lines, files or stack depths leads out of range."""

    id = "HG108"
    title = "A line, file or stack table is out of range"
    severity = Severity.WARN
    explanation = Explanation(
        what="Each function has tables that map its addresses to lines, files and stack depths. In NEW one of them decodes "
        "to a value that cannot be.",
        why="The stack table steers traceback and the garbage collector's stack walk: a wrong depth is a crash later, at "
        "the first walk through that function. A wrong line or file misleads the reader of a traceback.",
        example="A binary rewriter inserted instructions and left the tables as they were.",
        remedy="Build NEW again from source; do not ship a binary that was rewritten after linking.",
    )
    samples = Samples(
        fires=(lambda: Case(new=other(health=replace(HEALTH, decode_faults=(FAULT,)))),),
        quiet=(Case,),
    )

    def run(self, new: NewBinary) -> Iterator[Finding]:
        """One finding for each kind of table."""
        for kind in dict.fromkeys(fault.kind for fault in new.health.decode_faults):
            faults = [fault for fault in new.health.decode_faults if fault.kind == kind]
            yield self.finding(
                faults[0].subject if len(faults) == 1 else kind,
                f"Tracebacks through {count(len(faults), 'function')} of NEW cannot be trusted: {faults[0].subject}: "
                f"{faults[0].detail}.",
                evidence={
                    "kind": kind,
                    "count": len(faults),
                    "details": [f"{fault.subject}: {fault.detail}" for fault in faults[:10]],
                },
                key=kind,
            )

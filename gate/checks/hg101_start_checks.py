"""HG101: the Go runtime would refuse the new image's function table."""

from collections.abc import Iterator

from msgspec.structs import replace

from gate.evidence.model import NewBinary
from gate.inflection import count
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import HEALTH, Case, other
from probes.go.fault import Fault

FAULT = Fault("order", "ftab", "entry 17 is at 0x401200, below entry 16 at 0x401240", offset=0x2040)


class StartChecks(Check):
    """NEW breaks a check that the runtime makes before `main`, or holds what would lead it astray there."""

    id = "HG101"
    title = "The new image would throw before main"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="At start the Go runtime verifies its own function table (runtime.moduledataverify1): the magic number, "
        "the pad bytes, the instruction quantum, the pointer size, the order of the entries and the text bounds. It also reads "
        "the itabs (runtime.itabsinit), the collector's pointer masks (runtime.modulesinit), the list of package initialisers "
        "(runtime.doInit1), its look-up table (runtime.findfunc) and the rest of its module data; the C library reads the "
        "thread-local segment and the array of initialisers. This rule makes the same checks on the file.",
        why="A file that breaks one of them makes the new image throw before main runs. After exec there is no old "
        "image to go back to: the PID dies and its listeners close.",
        example="A post-processing step cut or patched the binary: the entries of the function table are no longer in order.",
        remedy="Build NEW again from source and leave it as the linker wrote it; look at what strips, packs or patches it.",
    )
    samples = Samples(
        fires=(lambda: Case(new=other(health=replace(HEALTH, start_faults=(FAULT,)))),),
        quiet=(Case,),
    )

    def run(self, new: NewBinary) -> Iterator[Finding]:
        """One finding for each kind of fault."""
        kinds = dict.fromkeys(fault.kind for fault in new.health.start_faults)
        for kind in kinds:
            faults = [fault for fault in new.health.start_faults if fault.kind == kind]
            first = faults[0]
            more = f" ({count(len(faults), 'such fault')})" if len(faults) > 1 else ""
            yield self.finding(
                first.subject,
                f"The runtime would throw before main and the process would die: {first.detail}{more}.",
                evidence={"kind": kind, "count": len(faults), "details": [f.detail for f in faults[:10]]},
                key=kind,
            )

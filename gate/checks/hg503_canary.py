"""HG503: the canaries in C's storage do not hold."""

from collections.abc import Iterator

from gate.evidence.live import Canary
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.services import running, tweaked


class CanaryBroken(Check):
    """What goprobe wrote into C's thread-local or static storage is no longer there."""

    id = "HG503"
    title = "A canary in C's storage does not hold"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="goprobe draws a value at run time and writes it into C's thread-local storage and into C's static storage, from a "
        "thread of its own; every query reads both back on that thread. It also walks up the stack from C and compares the "
        "walk with Go's.",
        why="A value that was drawn at run time cannot come back by itself: another value means that something writes where it "
        "should not, or that the storage is not the one that was set up. C code in such a process is not to be trusted with a "
        "hand-over. A variable that merely has its first value would look the same in a fresh image.",
        example="A library writes beyond its own thread-local buffer; the canary beside it reads 0.",
        remedy="Restart the service from a clean state instead of updating it in place, and find the writer: run it with the "
        "address sanitizer, or with a hardware watchpoint on the canary.",
    )
    samples = Samples(
        fires=(
            lambda: tweaked("canary", thread_local="broken"),
            lambda: tweaked("canary", static="broken"),
            lambda: tweaked("canary", walk="differs", walk_reason="C sees 1 frame, Go 3"),
            lambda: tweaked("canary", thread_local="unknown"),
        ),
        quiet=(running,),
    )

    def run(self, canary: Canary) -> Iterator[Finding]:
        """One finding for each canary that is broken; doubt where it could not be read."""
        for place, state, at in (("thread-local", canary.thread_local, 0), ("static", canary.static, 1)):
            if state == "broken":
                yield self.finding(
                    f"{place} canary",
                    f"C's {place} storage on thread {canary.thread_id} does not hold what was written there: "
                    f"{canary.expected[at] or '?'} became {canary.found[at] or '?'}.",
                    evidence={"expected": canary.expected[at], "found": canary.found[at], "thread": canary.thread_id},
                )
            elif state == "unknown":
                yield self.unverified(
                    f"{place} canary",
                    f"The canary in C's {place} storage could not be read in time: its thread is busy or gone.",
                )
        if canary.walk == "differs":
            yield self.finding(
                "stack walk",
                f"The way up the stack from C is not the one that Go sees: {canary.walk_reason or 'the frames differ'}.",
                severity=Severity.WARN,
                remedy="Profiles and crash reports that cross from C to Go will name wrong callers; build the C code with frame "
                "pointers.",
                evidence={"reason": canary.walk_reason},
            )

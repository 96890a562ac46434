"""HG803: a new image that fails at its start takes the service down."""

from collections.abc import Iterator

from gate.evidence.rehearsal import Drill, Rehearsal
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.rehearsals import DRILLS, rehearsed

FAULTS = {
    "crash": "a new image that exits at once",
    "hang": "a new image that never gets ready",
    "cut_off": "a new file that was cut off",
    "twice": "a second signal during the update",
    "busy": "an update while the service is busy",
    "kill": "the end of the new image right after it took over",
}


class FaultyImage(Check):
    """A fault that happens to every service some day is not survived."""

    id = "HG803"
    title = "A failed update takes the service down"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="A drill of the rehearsal made a fault on purpose: a new file that exits at once, that hangs or that is cut off, a signal that "
        "comes twice, an update during a slow request or a CPU profile, a new image that is killed. Afterwards nothing served, "
        "or the service took no good image any more; or, a warning only, processes were left behind.",
        why="The old image has given up what it would need to go on. What should have been a failed deployment is an outage, or a service that "
        "can only be restarted.",
        example="overseer ends its child first: with a new image that crashes, the service is down. endless says that it has forked already, "
        "whatever became of the child.",
        remedy="Try NEW's start while the old image serves on, and hand over only to an image that is ready: goprobe's Upgrade does. "
        "Until then, `hotgate check` every file before the signal.",
    )
    samples = Samples(
        fires=(
            lambda: rehearsed(drills=(Drill("crash", "down", "no process is left", 5.0),)),
            lambda: rehearsed(drills=(Drill("hang", "stuck", "takes no good image any more", 35.0),)),
            lambda: rehearsed(drills=(*DRILLS, Drill("cut_off", "left-behind", "its process is there still", 35.0))),
        ),
        quiet=(rehearsed, lambda: rehearsed(drills=(Drill("crash", "not-tried", "no image for riscv64", 0.0),))),
    )

    def run(self, rehearsal: Rehearsal) -> Iterator[Finding]:
        """One finding a drill."""
        for drill in rehearsal.drills:
            what = FAULTS.get(drill.name, drill.name)
            evidence = {"drill": drill.name, "outcome": drill.outcome, "detail": drill.detail}
            if drill.outcome == "down":
                yield self.finding(
                    drill.name, f"{_capital(what)} takes the service down: {drill.detail}.", evidence=evidence
                )
            elif drill.outcome == "stuck":
                yield self.finding(
                    drill.name, f"After {what} the service cannot be updated: {drill.detail}.", evidence=evidence
                )
            elif drill.outcome == "left-behind":
                yield self.finding(
                    drill.name,
                    f"After {what} something is left behind: {drill.detail}.",
                    severity=Severity.WARN,
                    remedy="End a child that does not get ready within a time of its own.",
                    evidence=evidence,
                )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

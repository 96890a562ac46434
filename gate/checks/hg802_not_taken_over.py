"""HG802: NEW did not take over."""

from collections.abc import Iterator

from gate.evidence.rehearsal import Rehearsal
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.rehearsals import rehearsed, update

WHAT = {
    "old-serves": "The old image serves on",
    "nothing-serves": "Nothing serves any more",
    "not-ready": "NEW answers and is not ready",
    "both-serve": "Both images serve side by side",
}


class NotTakenOver(Check):
    """OLD was told to update, and NEW does not serve, or not alone."""

    id = "HG802"
    title = "NEW did not take over"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="In the rehearsal OLD was told to update to NEW, and after rehearsal.within NEW was not the image that answers: the old one "
        "serves on, both do, or nothing does. Which image answers is seen by the file that the process behind a connection runs.",
        why="The update would not take place, or would take the service down.",
        example="NEW does not know a flag of the command line: it exits with 2 right after the exec.",
        remedy="Start NEW with the command of the plan and look at its log; `hotgate rehearse --keep` leaves that for a look. An update "
        "that only takes long needs a larger rehearsal.within.",
    )
    samples = Samples(
        fires=(
            lambda: rehearsed(
                updates=(update(1, outcome="old-serves", detail="after 30 s the old image still answers"),)
            ),
            lambda: rehearsed(updates=(update(1, outcome="nothing-serves", detail="no process is left"),)),
            lambda: rehearsed(updates=(update(1, outcome="both-serve", detail="both images answer"),)),
            lambda: rehearsed(planned=0, updates=(), drills=()),
        ),
        quiet=(rehearsed, lambda: rehearsed(updates=(update(1), update(2, outcome="old-serves")))),
    )

    def run(self, rehearsal: Rehearsal) -> Iterator[Finding]:
        """One finding at most: the rehearsal ends its updates there."""
        if not rehearsal.updates:
            yield self.unverified(
                "OLD to NEW",
                "No update was performed: this was a control run, which shows what the plan finds where no image changes.",
                remedy="Rehearse with updates: without `--updates 0`, and with rehearsal.updates of at least 1.",
            )
        for each in rehearsal.updates:
            if each.way == "forward" and each.outcome != "taken-over":
                yield self.finding(
                    "OLD to NEW",
                    f"{WHAT[each.outcome]} after update {each.number}: {each.detail}.",
                    evidence={"update": each.number, "outcome": each.outcome, "detail": each.detail},
                )
                return

"""HG804: the way back fails."""

from collections.abc import Iterator

from gate.checks.hg802_not_taken_over import WHAT
from gate.evidence.rehearsal import Rehearsal
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.rehearsals import rehearsed, update


class WayBack(Check):
    """NEW took over, and OLD could not take over from it again."""

    id = "HG804"
    title = "The way back fails"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="Half of the rehearsal's updates go back, from NEW to OLD. One of them did not take place: OLD did not come up, or NEW serves on.",
        why="When NEW turns out to be bad in production, the rollback is the same update the other way round. It will fail at the "
        "moment when it is needed.",
        example="NEW rewrites a file at its start in a form that OLD cannot read.",
        remedy="Have NEW read both forms and write the old one for a release; write the new one from the release after.",
    )
    samples = Samples(
        fires=(lambda: rehearsed(updates=(update(1), update(2, outcome="nothing-serves", detail="exited with 1"))),),
        quiet=(rehearsed, lambda: rehearsed(updates=(update(1, outcome="old-serves"),))),
    )

    def run(self, rehearsal: Rehearsal) -> Iterator[Finding]:
        """One finding at most."""
        for each in rehearsal.updates:
            if each.way == "back" and each.outcome != "taken-over":
                said = WHAT[each.outcome] if each.outcome != "old-serves" else "NEW serves on"
                yield self.finding(
                    "NEW to OLD",
                    f"{said.replace('NEW answers', 'OLD answers')} after update {each.number}, which was to go back: {each.detail}.",
                    evidence={"update": each.number, "outcome": each.outcome, "detail": each.detail},
                )
                return

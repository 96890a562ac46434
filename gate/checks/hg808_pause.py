"""HG808: the longest time without an answer is above the plan's limit."""

from collections.abc import Iterator

from gate.evidence.rehearsal import Rehearsal
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.rehearsals import rehearsed, update


class Pause(Check):
    """Clients wait too long while the image changes."""

    id = "HG808"
    title = "Too long without an answer"
    severity = Severity.WARN
    explanation = Explanation(
        what="The longest time from one good answer to the next around an update of the rehearsal is above rehearsal.pause.",
        why="Requests that come meanwhile wait in the listener's queue. A client with a shorter timeout gives up, and a health check "
        "may take the service out.",
        example="NEW reads 2 GB of state before it accepts: 6 s without an answer.",
        remedy="Do what takes long before the old image stops answering, or restore state beside it; raise rehearsal.pause where "
        "clients can wait.",
    )
    samples = Samples(
        fires=(lambda: rehearsed(updates=(update(1, pause=6200.0), update(2))),),
        quiet=(rehearsed, lambda: rehearsed(updates=(update(1, pause=6200.0),), pause_limit=0.0)),
    )

    def run(self, rehearsal: Rehearsal) -> Iterator[Finding]:
        """One finding, on the longest."""
        limit = rehearsal.pause_limit
        long = [each for each in rehearsal.updates if limit and each.pause > limit]
        if long:
            worst = max(long, key=lambda each: each.pause)
            yield self.finding(
                "pause",
                f"{worst.pause / 1000:.1f} s without an answer in update {worst.number}; the plan's limit is {limit / 1000:g} s.",
                evidence={"pause_ms": worst.pause, "limit_ms": limit, "updates": [each.number for each in long]},
            )

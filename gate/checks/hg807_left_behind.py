"""HG807: every update leaves something behind."""

from collections.abc import Iterator

from gate.evidence.rehearsal import Growth, Inherited, Rehearsal
from gate.inflection import count
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.rehearsals import rehearsed


class LeftBehind(Check):
    """Something grows with the number of updates."""

    id = "HG807"
    title = "Every update leaves something behind"
    severity = Severity.WARN
    explanation = Explanation(
        what="After each update of the rehearsal, once nothing was asked any more, descriptors, processes, files, goroutines, threads and "
        "resident memory were counted. One of them grew with the updates, for OLD and for NEW alike. Or OLD, after updates, does not "
        "hear a signal that it heard when it was started, or has no heartbeat any more.",
        why="A service that is updated in place for months never starts afresh: what each update leaves behind adds up to a limit. Signals that are ignored, or blocked in the thread that "
        "calls exec, are inherited by every image from then on.",
        example="The pipe by which a child says that it is ready stays open: 1 more descriptor with every update.",
        remedy="Close what the update opened on every way out of it, and open descriptors close-on-exec.",
    )
    samples = Samples(
        fires=(
            lambda: rehearsed(growth=(Growth("descriptors", 1.0, 9, 17, 10),)),
            lambda: rehearsed(inherited=(Inherited("SIGHUP", "is ignored"),)),
            lambda: rehearsed(growth=(Growth("memory", 4.2e6, 1.4e7, 5e7, 10),)),
        ),
        quiet=(rehearsed,),
    )

    def run(self, rehearsal: Rehearsal) -> Iterator[Finding]:
        """One finding a kind."""
        for left in rehearsal.inherited:
            yield self.finding(
                left.subject,
                f"{left.subject} {left.how} in OLD after updates, and not in OLD as it was started.",
                evidence={"how": left.how},
            )
        for each in rehearsal.growth:
            first, last, step = (_words(each.what, value) for value in (each.first, each.last, each.each))
            yield self.finding(
                each.what,
                f"Every update leaves {step} more {each.what} behind: {first} after the first, {last} after {count(each.updates, 'update')}.",
                evidence={"each": each.each, "first": each.first, "last": each.last, "updates": each.updates},
            )


def _words(what: str, value: float) -> str:
    return f"{value / 1e6:,.1f} MB of" if what == "memory" else f"{value:,.4g}"

"""HG504: C resources that are not handed over."""

from collections.abc import Iterator

from gate.evidence.live import Resources
from gate.inflection import count
from gate.model import Finding, Mode, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.services import handed_off, running, tweaked
from probes.live.topics import ResourceUse


class ResourcesLost(Check):
    """The service holds things in C that exec destroys and that are not handed over."""

    id = "HG504"
    title = "C resources would be lost"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="The service counts what it holds in C (`p.Track(name, count)`), and says which of it has a hand-over. A count "
        "above 0 without one is lost with the image.",
        why="Handles, contexts and buffers on C's heap are in memory that exec replaces. What they stand for outside of the "
        "process (locks, sessions, device state) stays behind without an owner.",
        example="Two handles of a hardware security module are open.",
        remedy="Close them before exec, or register a hand-over for them.",
    )
    samples = Samples(
        fires=(
            lambda: tweaked("resources", resources=(ResourceUse("libfoo handles", 2, handed_over=False),)),
            lambda: tweaked("resources", resources=(ResourceUse("libfoo handles", 0, handed_over=False, known=False),)),
            lambda: handed_off(tweaked("resources", resources=(ResourceUse("libfoo handles", 2, handed_over=False),))),
        ),
        quiet=(
            running,
            lambda: tweaked("resources", resources=(ResourceUse("libfoo handles", 2, handed_over=True),)),
        ),
    )

    def run(self, resources: Resources, mode: Mode) -> Iterator[Finding]:
        """One finding for each kind of resource; a warning in a hand-off, where OLD has them until it has drained."""
        for each in resources.resources:
            if each.handed_over:
                continue
            if not each.known:
                yield self.unverified(
                    each.name, f"How many {each.name} there are is unknown: their counter did not answer."
                )
            elif each.count:
                yield self.finding(
                    each.name,
                    f"{count(each.count, 'resource')} of the kind {each.name} would be lost: "
                    f"{'it is' if each.count == 1 else 'they are'} not handed over.",
                    severity=Severity.WARN if mode is Mode.HANDOFF else None,
                    evidence={"count": each.count, "source": resources.source},
                )

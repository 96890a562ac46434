"""HG806: state differs after the hand-over."""

from collections.abc import Iterator

from gate.evidence.rehearsal import Rehearsal, StateChange
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.rehearsals import rehearsed

_WAYS = {"forward": "OLD to NEW", "back": "NEW to OLD", "again": "an image to itself"}


class StateDiffers(Check):
    """What the service knew before the update it does not know after it."""

    id = "HG806"
    title = "State differs after the hand-over"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="In the rehearsal the paths of rehearsal.state were read before and after an update during which nothing was written; with "
        "goprobe, the digests of the state that OLD hands over were compared before and after a way there and back. They differ.",
        why="State that decodes without an error and means something else is the worst that an update can do: nobody notices.",
        example="An amount in cents is read as an amount in units of the currency.",
        remedy="Give the state another version, and have NEW convert the old one; or name what may differ in rehearsal.state.ignore.",
    )
    samples = Samples(
        fires=(
            lambda: rehearsed(state=(StateChange("/orders $.worth", "forward", ("-5000", "+50")),)),
            lambda: rehearsed(
                state=(StateChange("goprobe state orders", "back", ("-sha256 c0ffee00c0ff", "+sha256 5f2b0d6f4c1a")),)
            ),
        ),
        quiet=(rehearsed,),
    )

    def run(self, rehearsal: Rehearsal) -> Iterator[Finding]:
        """One finding a place."""
        for each in rehearsal.state:
            yield self.finding(
                each.subject,
                f"{each.subject} differs after the update from {_WAYS[each.way]}: {' '.join(each.diff[:4])}.",
                evidence={"way": each.way, "diff": list(each.diff)},
                key=each.way,
            )

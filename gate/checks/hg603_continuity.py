"""HG603: the continuity score is below its threshold."""

from collections.abc import Iterator

from msgspec.structs import replace

from gate.evidence.profiles import Continuity
from gate.inflection import some
from gate.model import Finding, Json, Severity
from gate.policy.model import Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.profiles import GAP, WHOLE, profiled


class ContinuityTooLow(Check):
    """The heartbeat is not whole enough to compare anything with."""

    id = "HG603"
    title = "The continuity score is too low"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="100 times the covered time of the windows by the expected one, less 5 points for every gap that nothing explains, every "
        "change of the sampling rate and every step of the clock. The policy's profile.min_continuity is 90.",
        why="What the update does to the service is found by comparing windows from before and after it. Where half of them are "
        "missing, or were taken in another way, the comparison says nothing, and says it silently.",
        example="The service was restarted four times in the last hour.",
        remedy="Look at the deductions, and update when the heartbeat is whole; or lower profile.min_continuity with a reason.",
    )
    samples = Samples(
        fires=(lambda: profiled(continuity=replace(WHOLE, score=85.0, deductions=(GAP,))),),
        quiet=(profiled, lambda: profiled(continuity=replace(WHOLE, score=90.0))),
    )

    def run(self, continuity: Continuity, policy: Policy) -> Iterator[Finding]:
        """One finding below the threshold."""
        floor = policy.profile.min_continuity
        if continuity.score >= floor:
            return
        worst = sorted(continuity.deductions, key=lambda each: -each.points)
        lost: list[Json] = [
            {"kind": each.kind, "points": round(each.points, 2), "detail": each.detail} for each in worst
        ]
        said = some([f"{each.detail} (-{each.points:.1f})" for each in worst])
        yield self.finding(
            "continuity score",
            f"The heartbeat's continuity is {continuity.score:.1f} of 100, below {floor}: {said}.",
            evidence={"score": round(continuity.score, 2), "threshold": floor, "deductions": lost[:50]},
        )

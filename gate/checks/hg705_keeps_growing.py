"""HG705: goroutines or memory keep growing."""

from collections.abc import Iterator

from msgspec.structs import replace

from gate.evidence.profiles import Growth
from gate.model import Finding, Severity
from gate.policy.model import Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.profiles import GROWTH, profiled

LEVEL = 0.01


class KeepsGrowing(Check):
    """A leak, as it looks from outside."""

    id = "HG705"
    title = "Goroutines or memory keep growing"
    severity = Severity.WARN
    explanation = Explanation(
        what="Over at least five goroutine or heap profiles, the number of goroutines or the bytes in use grow: the trend is not by "
        "chance (Mann and Kendall, 1%), and its median slope (Theil and Sen) is at least profile.leak_percent an hour.",
        why="A leak does not show in any one profile, and an exec hides it: the new image begins at zero.",
        example="Each request that its client gives up leaves a goroutine that waits for ever.",
        remedy="Compare the first and the last profile: what grew there is what leaks.",
    )
    samples = Samples(
        fires=(lambda: profiled(growth=replace(GROWTH, last=600, slope=2.1, p=1e-6)),),
        quiet=(profiled, lambda: profiled(growth=replace(GROWTH, slope=2.1, p=0.2))),
    )

    def run(self, growth: Growth, policy: Policy) -> Iterator[Finding]:
        """One finding at most."""
        if growth.p < LEVEL and growth.slope * 100 >= policy.profile.leak_percent:
            yield self.finding(
                growth.unit,
                f"The {growth.unit} keep growing: {growth.first:,.0f} → {growth.last:,.0f} over {growth.profiles} profiles, "
                f"{growth.slope:+.0%} an hour.",
                evidence={"first": growth.first, "last": growth.last, "slope_per_hour": growth.slope, "p": growth.p},
            )

"""HG703: the hot stacks of both sides hardly overlap."""

from collections.abc import Iterator

from msgspec.structs import replace

from gate.evidence.profiles import Compared
from gate.model import Finding, Severity
from gate.policy.model import Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.profiles import SAME, profiled

FEWEST = 1000
"""Samples of a side: with fewer, two profiles of the same work have few stacks in common."""


class StacksDiffer(Check):
    """The two profiles are of different work."""

    id = "HG703"
    title = "The hot stacks hardly overlap"
    severity = Severity.WARN
    explanation = Explanation(
        what="The weighted Jaccard index of both sides' stacks, the sum of the lesser shares by that of the greater ones, is below "
        "profile.overlap_percent, with a thousand samples a side or more.",
        why="Functions can be compared only while the service does the same work. Where it does not, growth of one function says more "
        "of the load than of the update.",
        example="BASE was taken while the service served requests, and NEW while it rebuilt its caches.",
        remedy="Compare profiles of the same load; after a change of structure, read the flame graph instead of the table.",
    )
    samples = Samples(
        fires=(lambda: profiled(comparison=replace(SAME, overlap=0.12)),),
        quiet=(profiled, lambda: profiled(comparison=replace(SAME, overlap=0.3))),
    )

    def run(self, comparison: Compared, policy: Policy) -> Iterator[Finding]:
        """One finding below the threshold."""
        floor = policy.profile.overlap_percent / 100
        if comparison.overlap < floor and min(comparison.base.samples, comparison.new.samples) >= FEWEST:
            yield self.finding(
                "hot stacks",
                f"The stacks of both sides have {comparison.overlap:.0%} in common, less than {floor:.0%}, and the hottest functions "
                f"moved by {comparison.rank_shift:.1f} places.",
                evidence={"overlap": comparison.overlap, "threshold": floor, "rank_shift": comparison.rank_shift},
            )

"""HG702: one request costs more than before."""

from collections.abc import Iterator

from msgspec.structs import replace

from gate.evidence.profiles import Compared
from gate.model import Finding, Severity
from gate.policy.model import Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.profiles import SAME, profiled


class RequestCost(Check):
    """The whole service needs more for the same work, which no share of a profile can show."""

    id = "HG702"
    title = "A request costs more"
    severity = Severity.WARN
    explanation = Explanation(
        what="The cost of all samples by the number of requests served in the same time grew by at least profile.growth_percent, and the "
        "whole 95% interval of the growth, by the windows' differences, is above zero.",
        why="Shares add up to one: when everything gets slower alike, no function's share grows. Only the cost of a request shows it.",
        example="NEW was built without optimisation: every function takes twice as long, and each has the share that it had.",
        remedy="Compare how OLD and NEW were built and where they run; then look at the functions with the largest shares.",
    )
    samples = Samples(
        fires=(lambda: profiled(comparison=replace(SAME, per_request=(0.3, 0.2, 0.4))),),
        quiet=(profiled, lambda: profiled(comparison=replace(SAME, per_request=(0.3, -0.1, 0.9)))),
    )

    def run(self, comparison: Compared, policy: Policy) -> Iterator[Finding]:
        """One finding at most."""
        if comparison.per_request is None:
            return
        growth, low, high = comparison.per_request
        if growth >= policy.profile.growth_percent / 100 and low > 0:
            yield self.finding(
                "cost per request",
                f"A request costs {growth:+.0%} (95%: {low:+.0%} to {high:+.0%}).",
                evidence={"growth": growth, "low": low, "high": high},
            )

"""HG701: a function costs more than before."""

from collections.abc import Iterator

from msgspec.structs import replace

from gate.evidence.profiles import Compared
from gate.model import Confidence, Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.profiles import SAME, function, profiled


class FunctionSlower(Check):
    """A function holds more of the profile, beyond chance and the minimum effect, and no other holds less for it."""

    id = "HG701"
    title = "A function costs more"
    severity = Severity.WARN
    explanation = Explanation(
        what="A function's share of the samples grew. Windows are the replicates: the difference must stand out from what windows of "
        "one side differ by, after correcting for the number of functions that were looked at (false discoveries: 1%), and be at "
        "least profile.growth_percent. Growth that neighbours lost (a function split, renamed, or moved within its package) and growth "
        "that was gone in the last windows are listed in the report, and are no findings.",
        why="A slower function is the commonest harm that an update does to a service that goes on working.",
        example="A regular expression is compiled on every request: its function went from 5% to 9.5% of CPU.",
        remedy="Look at the function and its callees in the differential flame graph, or say in the policy (severity.HG701) what it is worth.",
    )
    samples = Samples(
        fires=(lambda: profiled(comparison=replace(SAME, functions=(function(),))),),
        quiet=(
            profiled,
            lambda: profiled(
                comparison=replace(SAME, functions=(function(change="shifted", reason="under main.serve"),))
            ),
        ),
    )

    def run(self, comparison: Compared) -> Iterator[Finding]:
        """One finding a function."""
        few = min(comparison.base.windows, comparison.new.windows) < comparison.settings.min_windows
        for each in comparison.regressions():
            flat = each.by == "flat"
            before, after = (each.base_flat, each.new_flat) if flat else (each.base_cumulative, each.new_cumulative)
            grown = "it is new" if each.growth is None else f"{each.growth:+.0%} against what did not change"
            low, high = each.new_interval
            yield self.finding(
                each.name,
                f"{each.name} has {after:.1%} of {comparison.kind or 'all'} samples{'' if flat else ' with what it calls'} instead of {before:.1%} ({grown}; "
                f"95%: {low:.1%} to {high:.1%}).",
                confidence=Confidence.MEDIUM if few else Confidence.HIGH,
                evidence={"base": before, "new": after, "growth": each.growth, "p": each.p, "by": each.by},
            )

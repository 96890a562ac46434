"""HG704: there is too little data to see what the policy asks for."""

from collections.abc import Iterator

from msgspec.structs import replace

from gate.evidence.profiles import Compared
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.profiles import SAME, profiled


class Insensitive(Check):
    """Growth that matters could have been there and not been seen."""

    id = "HG704"
    title = "Too little data to see the effect"
    severity = Severity.WARN
    inconclusive = True
    explanation = Explanation(
        what="There are fewer than profile.min_windows windows on a side, or growth by profile.detect_percent of a function that holds "
        "profile.detect_share_percent of the samples would be found in fewer than 9 of 10 cases: the minimum detectable effect of these "
        "windows is larger.",
        why="That nothing was found means nothing where nothing could have been found. No data is no pass.",
        example="Two profiles of 3 s are compared: they have 200 samples, and how much such profiles differ by themselves is not known.",
        remedy="Collect more windows, or longer ones: a doubled function of 5% needs 1,500 samples a side, growth by half 5,000.",
    )
    samples = Samples(
        fires=(
            lambda: profiled(comparison=replace(SAME, problem="BASE is one profile", detectable=())),
            lambda: profiled(comparison=replace(SAME, detectable=((0.05, 0.8),))),
            lambda: profiled(comparison=replace(SAME, base=replace(SAME.base, windows=4))),
        ),
        quiet=(profiled,),
    )

    def run(self, comparison: Compared) -> Iterator[Finding]:
        """One doubt at most."""
        asked = comparison.settings
        windows = min(comparison.base.windows, comparison.new.windows)
        if comparison.problem:
            text = f"Nothing could be tested: {comparison.problem}."
        elif windows < asked.min_windows:
            text = f"There are {windows} windows on a side, fewer than {asked.min_windows}."
        elif not comparison.sensitive:
            least = dict(comparison.detectable).get(asked.detect_share, float("inf"))
            said = f"only growth by {least:.0%} or more" if least < 1000 else "no growth at all"
            text = f"Of a function with {asked.detect_share:.0%} of the samples, {said} would have been found; {asked.detect_growth:.0%} is asked for."
        else:
            return
        evidence = {f"{share:g}": growth if growth < 1e6 else None for share, growth in comparison.detectable}
        yield self.unverified("sensitivity", text, evidence={"windows": windows, "detectable": dict(evidence)})

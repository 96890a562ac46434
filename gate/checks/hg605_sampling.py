"""HG605: the sampling rate or duty changed across an update."""

from collections.abc import Iterator

from gate.evidence.live import Heartbeat
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.services import SECOND, running, tweaked, window
from probes.profile.heartbeat.window import HeartbeatWindow

TOLERANCE = 0.2
"""Windows are not cut off to the nanosecond, and the last before an update is closed early."""


class SamplingChanged(Check):
    """Profiles from before and after the last update were not taken in the same way."""

    id = "HG605"
    title = "The sampling rate or duty changed"
    severity = Severity.WARN
    explanation = Explanation(
        what="The heartbeat's windows of the image that runs have another rate in hertz, or another length, than those of the image "
        "before it.",
        why="Profiles before and after the update are compared by counts of samples. At another rate or in other windows the same "
        "load gives other counts, and rare functions come and go.",
        example="NEW calls runtime.SetCPUProfileRate(500).",
        remedy="Keep goprobe's options the same across an update, or let one full round of windows pass before comparing.",
    )
    samples = Samples(
        fires=(
            lambda: tweaked("heartbeat", windows=(window(1), window(2), window(3, epoch="b", rate_hz=500))),
            lambda: tweaked(
                "heartbeat",
                windows=(
                    window(1),
                    window(2, epoch="b", end_ns=122 * SECOND),
                    window(3, epoch="b", end_ns=182 * SECOND),
                ),
            ),
        ),
        quiet=(
            running,
            lambda: tweaked("heartbeat", windows=(window(1), window(2, epoch="b"), window(3, state="failed"))),
        ),
    )

    def run(self, heartbeat: Heartbeat) -> Iterator[Finding]:
        """One finding for the rate, one for the length of windows, of the newest image against the one before."""
        kept = [each for each in heartbeat.windows if each.state == "ok"]
        epochs = list(dict.fromkeys(each.epoch for each in kept))
        if len(epochs) < 2:
            return
        before, after = ([w for w in kept if w.epoch == epoch] for epoch in epochs[-2:])
        rates = [sorted({each.rate_hz for each in side}) for side in (before, after)]
        if rates[0] != rates[1]:
            yield self.finding(
                "rate",
                f"The sampling rate changed with the last image: {_hertz(rates[0])} → {_hertz(rates[1])}.",
                evidence={"before": list(rates[0]), "after": list(rates[1])},
            )
        old, new = _length(before), _length(after)
        if abs(new - old) > TOLERANCE * old:
            yield self.finding(
                "duty",
                f"The windows' length changed with the last image: {old:.1f} s → {new:.1f} s.",
                evidence={"before": old, "after": new},
            )


def _hertz(rates: list[int]) -> str:
    return "/".join(str(rate) for rate in rates) + " Hz"


def _length(windows: list[HeartbeatWindow]) -> float:
    """The median length in seconds."""
    lengths = sorted(each.end_ns - each.start_ns for each in windows)
    return lengths[len(lengths) // 2] / SECOND

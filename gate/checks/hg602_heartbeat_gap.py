"""HG602: the heartbeat has a gap that no announced hand-over explains."""

from collections.abc import Iterator

from msgspec.structs import replace

from gate.evidence.profiles import Continuity
from gate.model import Finding, Json, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.profiles import GAP, HAND_OVER, WHOLE, profiled


class HeartbeatGap(Check):
    """For some time what the service did was not recorded."""

    id = "HG602"
    title = "The heartbeat has a gap"
    severity = Severity.WARN
    explanation = Explanation(
        what="A number is missing among the heartbeat's windows, there was none for more than one and a half intervals, or the image "
        "changed without a hand-over that was announced. Windows that gave way to another profiler are no gap, and a planned "
        "hand-over explains one gap as long as the policy allows (profile.hand_over_seconds).",
        why="What happened in a gap is in no profile: a crash, a restart, a process that was stopped. A comparison over it mixes two "
        "images or two loads without a word.",
        example="Window 8 is missing: the process was killed for its memory and started again.",
        remedy="Look at what the service did at that time, and compare windows of one side of the gap only.",
    )
    samples = Samples(
        fires=(lambda: profiled(continuity=replace(WHOLE, score=85.0, deductions=(GAP,))),),
        quiet=(profiled, lambda: profiled(continuity=replace(WHOLE, hand_overs=(HAND_OVER,)))),
    )

    def run(self, continuity: Continuity) -> Iterator[Finding]:
        """One finding a gap."""
        for gap in continuity.unexplained():
            evidence: dict[str, Json] = {
                "after": gap.after,
                "wall": gap.wall,
                "seconds": gap.seconds,
                "points": gap.points,
            }
            yield self.finding(
                f"window {gap.after}",
                f"The heartbeat has a gap: {gap.detail} ({gap.seconds:.0f} s of profiles are missing).",
                evidence={"kind": gap.kind, **evidence},
                key=gap.kind,
            )

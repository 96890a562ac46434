"""HG604: the health score is below its threshold."""

from collections.abc import Iterator

from gate.evidence.live import Health
from gate.model import Finding, Json, Severity
from gate.policy.model import Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.services import running, tweaked
from probes.live.topics import HealthMark

_THROTTLED = HealthMark("cpu_throttling", "ok", 0.3, "share of periods throttled", 0.05, 44.0)


class Unhealthy(Check):
    """The service is not well before the update."""

    id = "HG604"
    title = "The health score is too low"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="goprobe's health score from 0 to 100: CPU throttling by the cgroup, growth of goroutines, fragmentation of the heap, and "
        "continuity of the heartbeat, each with its figure, threshold and weight. The policy's thresholds.min_health is 85.",
        why="An update of a service that is already in trouble cannot be judged by what comes after it, and the hand-over needs CPU "
        "time that a throttled service does not have. A part without data lowers the coverage, and never raises the score.",
        example="The container is throttled in a third of its periods.",
        remedy="Look at the parts that lost points, and update when the service is well; or lower thresholds.min_health with a reason.",
    )
    samples = Samples(
        fires=(
            lambda: tweaked("health", score=61.0, parts=(_THROTTLED,)),
            lambda: tweaked("health", score=84.9),
        ),
        quiet=(running, lambda: tweaked("health", score=85.0)),
    )

    def run(self, health: Health, policy: Policy) -> Iterator[Finding]:
        """One finding below the threshold."""
        floor = policy.thresholds.min_health
        if health.score >= floor:
            return
        worst = sorted((p for p in health.parts if p.score is not None and p.score < 100), key=lambda p: p.score or 0)
        why = f", most of it lost by {_said(worst[0])}" if worst else ""
        parts: dict[str, Json] = {part.name: part.score for part in health.parts}
        yield self.finding(
            "health score",
            f"The health score is {health.score:.1f}, below {floor}{why}.",
            evidence={"score": health.score, "coverage": health.coverage, "threshold": floor, "parts": parts},
        )


def _said(part: HealthMark) -> str:
    figure = f" ({part.figure:.3g} {part.unit}, threshold {part.threshold:g})" if part.figure is not None else ""
    return f"{part.name}{figure}"

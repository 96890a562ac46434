"""HG517: a canary is running: the service takes no other update until it has ended."""

from collections.abc import Iterator

from gate.evidence.live import CanaryRelease
from gate.model import Finding, Mode, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.services import handed_off, running, tweaked


class CanaryRunning(Check):
    """An image serves a share of the connections beside OLD."""

    id = "HG517"
    title = "A canary is running"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="goprobe lets an image serve a share of the connections beside OLD, to be judged (UpgradeOptions.Canary).",
        why="goprobe refuses another update until the canary has ended, and one by other means would end it: the child drains when OLD is "
        "gone. What OLD and the service's counters show now is of a part of the traffic, and what becomes of the process is not "
        "decided yet.",
        example="1.4.1 serves 5% of the connections for a minute when the next deployment checks 1.4.2.",
        remedy="Wait until it has ended (hotgate watch SERVICE --canary waits for it), and check again.",
    )
    samples = Samples(
        fires=(
            lambda: tweaked("canary_release", state="running", share=0.05),
            lambda: tweaked("canary_release", state="promoting", share=0.05),
        ),
        quiet=(
            running,
            lambda: running(canary_release=None),
            lambda: tweaked("canary_release", state="ended", code="failures", reason="12 of 40 requests failed"),
            lambda: tweaked("canary_release", state="promoted", code="judge"),
            lambda: handed_off(tweaked("canary_release")),
        ),
    )

    def run(self, canary_release: CanaryRelease | None, mode: Mode) -> Iterator[Finding]:
        """At most one finding."""
        if canary_release is None or not canary_release.running:
            return
        held = "waits for its end" if mode is Mode.HANDOFF else "is refused until it has ended"
        yield self.finding(
            "canary",
            f"An image serves {canary_release.share:.3g} of the connections beside OLD ({canary_release.state}): another update {held}.",
            evidence={
                "state": canary_release.state,
                "share": canary_release.share,
                "epoch": canary_release.epoch,
                "build_id": canary_release.build_id,
                "requests": canary_release.new.requests,
                "source": canary_release.source,
            },
        )

"""A canary release inside the service's host: NEW serves a share of the connections beside OLD."""

from __future__ import annotations

from msgspec import Struct

from probes.wording import count

ENDED = ("none", "ended", "promoted")


class CanaryCounts(Struct, frozen=True):
    """What one side counted in the same time. `slow` of `timed` requests took as long as NEW's and OLD's are not meant to."""

    connections: int = 0
    requests: int = 0
    failed: int = 0
    timed: int = 0
    slow: int = 0


class CanaryReleaseFacts(Struct, frozen=True):
    """How a canary stands, or how the last one of the process ended.

    Attributes:
        source: where it is from.
        state: `none`, `starting`, `running`, `ending`, `promoting`, `ended` or `promoted`.
        code: what decided, as goprobe has it; "" while nothing has.
        reason: the same in words.
        share: of the new connections that NEW gets.
        epoch: of the image in NEW's process.
        build_id: of its Go build; "" where it has none.
        old, new: the two sides.
    """

    source: str
    state: str
    code: str = ""
    reason: str = ""
    share: float = 0.0
    epoch: str = ""
    build_id: str = ""
    old: CanaryCounts = CanaryCounts()
    new: CanaryCounts = CanaryCounts()

    @property
    def running(self) -> bool:
        """Whether NEW's process is there."""
        return self.state not in ENDED

    def summary(self) -> str:
        """What it comes to, in words."""
        if self.state == "none":
            return "none since the image was started"
        said = f"{self.state}, {self.share:.3g} of the connections"
        for name, side in (("NEW", self.new), ("OLD", self.old)):
            said += f"; {name} {count(side.requests, 'request')}, {side.failed:,} failed, {side.slow:,} slow"
        return said + (f"; {self.code}: {self.reason}" if self.code else "")

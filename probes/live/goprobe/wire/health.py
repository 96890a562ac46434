"""The answer of `/debug/hotgate/healthz`."""

from __future__ import annotations

from typing import Literal

from probes.live.goprobe.wire.base import Amount, Answer, Percentage, Share, Wire


class HealthPart(Wire, frozen=True):
    """One part of the score."""

    name: str
    state: Literal["ok", "stale", "absent"]
    reason: str
    figure: float | None
    unit: str
    threshold: float
    limit: float
    weight: Amount
    score: Percentage | None


class HealthAnswer(Answer, frozen=True):
    """`healthz`."""

    kind: Literal["health"]
    epoch: str
    score: Percentage | None
    coverage: Share
    parts: list[HealthPart]

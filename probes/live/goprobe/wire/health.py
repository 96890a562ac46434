"""The answer of `/debug/hotgate/healthz`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from probes.live.goprobe.wire.base import Amount, Answer, Wire


class HealthPart(Wire):
    """One part of the score."""

    name: str
    state: Literal["ok", "stale", "absent"]
    reason: str
    figure: float | None
    unit: str
    threshold: float
    limit: float
    weight: Amount
    score: Annotated[float, Field(ge=0, le=100)] | None


class HealthAnswer(Answer):
    """`healthz`."""

    kind: Literal["health"]
    epoch: str
    score: Annotated[float, Field(ge=0, le=100)] | None
    coverage: Annotated[float, Field(ge=0, le=1)]
    parts: list[HealthPart]

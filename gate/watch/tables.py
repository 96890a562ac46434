"""The shape of a table of watch rules in a file: which keys there are, and what each may be."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from gate.policy.validators import seconds_between


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Rule(_Table):
    """One `[[….watch.rule]]`."""

    name: str = Field(min_length=1, max_length=100)
    kind: Literal["ratio", "level"]
    source: Literal["prometheus", "expvar"] = "prometheus"
    bad: str = Field(default="", max_length=2000)
    total: str = Field(default="", max_length=2000)
    value: str = Field(default="", max_length=2000)
    times: float = Field(gt=1, le=1000, allow_inf_nan=False)
    min_count: StrictInt = Field(default=10, ge=1)


class Watch(_Table):
    """`[….watch]`, of a service that the sidecar polls or of a host that releases are brought to."""

    join: Literal["any", "all"] = "any"
    within: Annotated[str, seconds_between(5, 86400)] = "5m"
    baseline: Annotated[str, seconds_between(5, 86400 * 7)] = "30m"
    prometheus: str = ""
    rule: list[Rule] = Field(min_length=1, max_length=20)

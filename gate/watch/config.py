"""What is watched after an update, and against which limits."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class WatchRule(Struct, frozen=True):
    """One comparison of after with before: `ratio` of the counts `bad` to `total`, or the `level` of `value`.

    Each is a PromQL expression in which `$window` stands for the length of time, or the name of an expvar variable.
    """

    name: str
    kind: Literal["ratio", "level"]
    source: Literal["prometheus", "expvar"]
    bad: str
    total: str
    value: str
    times: float
    min_count: int


class WatchConfig(Struct, frozen=True):
    """When to roll back: rules joined by `any` or `all`, for `within` seconds, against the `baseline` seconds before."""

    join: Literal["any", "all"]
    within: float
    baseline: float
    prometheus: str
    rules: tuple[WatchRule, ...]


class CanaryLimits(Struct, frozen=True):
    """When a canary is worse than the old image, and from how many requests of each side on it is good."""

    times: float = 3.0
    min_count: int = 10
    min_requests: int = 100

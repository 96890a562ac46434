"""A canary: NEW serves a share of the connections beside OLD. Part of `status`, and what goprobe sends to a judge by HTTP."""

from __future__ import annotations

from probes.live.goprobe.wire.base import Count, Nanoseconds, Share, Wire


class CanarySide(Wire, frozen=True):
    """What one side counted since NEW has been ready."""

    connections: Count
    requests: Count
    failed: Count
    under_way: Count
    timed: Count
    slow: Count
    p50_ns: Count
    p99_ns: Count


class CanaryRule(Wire, frozen=True):
    """One comparison of the two sides, as goprobe made it."""

    name: str
    bad: Count
    total: Count
    bad_beside: Count
    total_beside: Count
    chance: Share
    fires: bool


class CanaryPassing(Wire, frozen=True):
    """What became of the connections that were accepted."""

    accepted: Count
    passed: Count
    waiting: Count
    given_back: Count
    moved: Count
    open: Count
    cut: Count


class CanaryStatus(Wire, frozen=True):
    """How a canary stands, or how the last one ended."""

    state: str
    decision: str
    code: str
    reason: str
    share: Share
    for_ns: Count
    over: bool
    started_at: str
    started_monotonic_ns: Nanoseconds
    ready_monotonic_ns: Nanoseconds
    decided_monotonic_ns: Nanoseconds
    ended_monotonic_ns: Nanoseconds
    path: str
    pid: Count
    epoch: str
    go_build_id: str
    gnu_build_id: str
    slow_ns: Count
    old: CanarySide
    new: CanarySide
    rules: list[CanaryRule]
    passing: CanaryPassing

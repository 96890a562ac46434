"""Metrics for Prometheus, read off the board when they are asked for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from gate.exits import EXIT_CODES
from gate.sidecar.state.board import LATE_BUCKETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

    from gate.sidecar.actions import Actions
    from gate.sidecar.polling.recorder import Recorder
    from gate.sidecar.releases import HostReleases
    from gate.sidecar.state.board import Board, Entry, Lateness

STATES = ("ok", "partial", "unreachable", "refused", "garbage")
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics(Collector):
    """What is known of the services and of the sidecar itself."""

    def __init__(self, board: Board, recorder: Recorder, releases: HostReleases, actions: Actions) -> None:
        self._board = board
        self._recorder = recorder
        self._releases = releases
        self._actions = actions
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def text(self) -> bytes:
        """The exposition format, version 0.0.4."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Every metric."""
        entries = list(self._board.entries.items())
        yield from _services(entries)
        yield from _canaries(entries)
        polls = CounterMetricFamily("hotgate_polls", "Polls by what became of them", labels=("service", "state"))
        for name, entry in entries:
            for state in STATES:
                polls.add_metric((name, state), entry.polls.get(state, 0))
        yield polls
        yield _late(self._board.late)
        own = self._recorder
        yield CounterMetricFamily("hotgate_samples_written", "Polls that the store has", value=own.written)
        yield CounterMetricFamily("hotgate_samples_lost", "Polls that the store never got", value=own.lost)
        yield CounterMetricFamily("hotgate_store_failures", "Batches that could not be written", value=own.failures)
        yield GaugeMetricFamily("hotgate_samples_waiting", "Polls that the store does not have yet", value=own.waiting)
        yield GaugeMetricFamily("hotgate_store_up", "Whether the last batch could be written", value=not own.problem)
        yield from _of_host(self._releases, self._actions)
        yield GaugeMetricFamily("hotgate_started_seconds", "When the sidecar was started", value=self._board.started_at)


def _of_host(releases: HostReleases, actions: Actions) -> Iterator[Metric]:
    one = ("service",)
    release = GaugeMetricFamily(
        "hotgate_release", "1 for the release that is current, previous, or runs", labels=("service", "version", "role")
    )
    problems = GaugeMetricFamily("hotgate_release_problems", "What is not as it should be on the host", labels=one)
    unfinished = GaugeMetricFamily(
        "hotgate_release_unfinished", "Whether an operation was killed and not ended", labels=one
    )
    for name, found in releases.known.items():
        for role, version in (("current", found.current), ("previous", found.previous), ("runs", found.runs)):
            if version:
                release.add_metric((name, version, role), 1)
        problems.add_metric((name,), len(found.problems))
        unfinished.add_metric((name,), bool(found.unfinished))
    asked = CounterMetricFamily(
        "hotgate_rollbacks", "Rollbacks that the sidecar ran, by exit code", labels=("service", "exit_code")
    )
    for (name, code), number in actions.ended.items():
        asked.add_metric((name, str(code)), number)
    yield from (release, problems, unfinished, asked)


def _services(entries: list[tuple[str, Entry]]) -> Iterator[Metric]:
    now = time.time()
    one = ("service",)
    up = GaugeMetricFamily("hotgate_service_up", "Whether the service answered the last poll", labels=one)
    stale = GaugeMetricFamily("hotgate_service_stale", "Whether what is known of it is old", labels=one)
    health = GaugeMetricFamily("hotgate_service_health", "goprobe's health score, 0 to 100", labels=one)
    coverage = GaugeMetricFamily("hotgate_service_health_coverage", "Share of the score with data", labels=one)
    continuity = GaugeMetricFamily("hotgate_service_continuity", "How whole its heartbeat is, 0 to 100", labels=one)
    generation = GaugeMetricFamily("hotgate_service_generation", "Updates in place since it was started", labels=one)
    goroutines = GaugeMetricFamily("hotgate_service_goroutines", "Goroutines", labels=one)
    in_flight = GaugeMetricFamily("hotgate_service_in_flight", "Work in flight by its own counters", labels=one)
    connections = GaugeMetricFamily("hotgate_service_connections", "Established connections", labels=one)
    kept = GaugeMetricFamily(
        "hotgate_service_connections_kept", "Established connections that an update keeps or ends in order", labels=one
    )
    verdict = GaugeMetricFamily(
        "hotgate_service_verdict", "1 for the standing verdict: could it be updated now?", labels=("service", "verdict")
    )
    rehearsed = GaugeMetricFamily(
        "hotgate_service_rehearsed_seconds",
        "When the image that runs was last rehearsed, since 1970",
        labels=("service", "verdict"),
    )
    for name, entry in entries:
        key = (name,)
        if entry.rehearsed is not None:
            rehearsed.add_metric((name, entry.rehearsed.verdict), entry.rehearsed.at_ms / 1000)
        up.add_metric(key, entry.last is not None and not entry.failures)
        stale.add_metric(key, entry.is_stale(now))
        good = entry.good
        if good is not None:
            for family, value in (
                (health, good.health),
                (coverage, good.coverage),
                (continuity, good.continuity),
                (generation, good.generation),
                (goroutines, good.goroutines),
                (in_flight, good.in_flight),
                (connections, good.connections),
                (kept, good.connections_kept),
            ):
                if value is not None:
                    family.add_metric(key, value)
        if entry.standing is not None:
            for each in EXIT_CODES:
                verdict.add_metric((name, each), entry.standing_verdict(now) == each)
    yield from (
        up,
        stale,
        health,
        coverage,
        continuity,
        generation,
        goroutines,
        in_flight,
        connections,
        kept,
        verdict,
        rehearsed,
    )


CANARY_COUNTS = {
    "connections": "Connections that the side got",
    "requests": "Requests that the side has answered",
    "failed": "Requests that failed",
    "slow": "Requests that were slow",
}
"""Attributes of a side of a canary, and what they count."""


def _canaries(entries: list[tuple[str, Entry]]) -> Iterator[Metric]:
    share = GaugeMetricFamily(
        "hotgate_service_canary",
        "The share of the connections that a canary gets, 0 when none runs",
        labels=("service",),
    )
    counts = {
        column: GaugeMetricFamily(
            f"hotgate_service_canary_{column}", f"{said}, while a canary runs", labels=("service", "side")
        )
        for column, said in CANARY_COUNTS.items()
    }
    for name, entry in entries:
        canary = entry.running_canary
        if entry.good is not None and entry.good.source == "goprobe":
            share.add_metric((name,), canary.share if canary is not None else 0)
        if canary is None:
            continue
        for side, found in (("old", canary.old), ("new", canary.new)):
            for column, family in counts.items():
                family.add_metric((name, side), getattr(found, column))
    yield share
    yield from counts.values()


def _late(late: Lateness) -> Metric:
    buckets = [(str(limit), float(count)) for limit, count in zip(LATE_BUCKETS, late.upto, strict=True)]
    buckets.append(("+Inf", float(late.count)))
    family = HistogramMetricFamily("hotgate_poll_late_seconds", "How much after their time polls were begun")
    family.add_metric([], buckets, sum_value=late.seconds)
    return family

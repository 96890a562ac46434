"""The rules of the host's watch, held against what the service counts after the take-over."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gate.apply.service.probe import counters
from gate.store import samples
from gate.store.errors import StoreError
from gate.watch.judge import joined, rule
from gate.watch.measure import Span, measure

if TYPE_CHECKING:
    from gate.apply.host.config import Host
    from gate.store.database import Database
    from gate.watch.config import WatchConfig
    from gate.watch.judge import Ruling, State

MAX_SAMPLES = 100_000
DRIFT = 5.0
"""Seconds by which the clock may move against the monotonic one before spans of time are not believed."""


def variables(config: WatchConfig) -> tuple[str, ...]:
    """The expvar variables that the rules compare."""
    names = [name for each in config.rules if each.source == "expvar" for name in (each.bad, each.total, each.value)]
    return tuple(dict.fromkeys(name for name in names if name))


def before(host: Host, token: str, config: WatchConfig, database: Database | None) -> list[str]:
    """What the service counted before the update, as samples: those of a sidecar, else what it has counted since its start.

    A service counts from 0: so its counters now, and 0, are two samples of its whole life.
    """
    names = variables(config)
    if not names:
        return []
    kept = _of_sidecar(host.name, config, database)
    if len(kept) > 1:
        return kept
    now = counters(host.url, token, names)
    if now is None:
        return []
    counted = {name for each in config.rules if each.kind == "ratio" for name in (each.bad, each.total)}
    return [json.dumps(dict.fromkeys(counted & set(names), 0)), now]


def _of_sidecar(name: str, config: WatchConfig, database: Database | None) -> list[str]:
    if database is None:
        return []
    try:
        with database.read() as connection:
            key = samples.service_id(connection, name)
            start = int((time.time() - config.baseline) * 1000)
            rows = [] if key is None else samples.samples_since(connection, key, start, MAX_SAMPLES)
    except StoreError:
        return []
    # What ran before the image that runs now is nothing to compare with.
    last = next((row.epoch for row in reversed(rows) if row.epoch), "")
    return [row.counters for row in rows if row.epoch in ("", last) and row.counters != "{}"]


class Watch:
    """The watch of one update, begun when the new image had taken over."""

    def __init__(self, host: Host, token: str, config: WatchConfig, earlier: list[str]) -> None:
        self._host, self._token, self._config = host, token, config
        self._earlier = earlier
        self._later: list[str] = []
        self._began, self._monotonic = time.time(), time.monotonic()
        self.rulings: list[Ruling] = []

    @property
    def pause(self) -> float:
        """Seconds between two looks."""
        return 1.0 if self._config.within <= 120 else 5.0

    def left(self) -> float:
        """Seconds until its time is up."""
        return self._config.within - (time.monotonic() - self._monotonic)

    def look(self) -> State:
        """What the rules say now."""
        names = variables(self._config)
        if names:
            sample = counters(self._host.url, self._token, names)
            if sample is not None:
                self._later.append(sample)
        passed = time.monotonic() - self._monotonic
        over = passed >= self._config.within
        moved = abs(time.time() - self._began - passed) > DRIFT
        span = Span(self._began, self._began, self._began + passed)
        texts = (self._earlier, self._later)
        measured = asyncio.run(measure(self._config, span, texts))
        own = [each.source == "expvar" for each in self._config.rules]
        # What a whole life counted tells no rate; and a server of other times answers about other times.
        measured = [replace(each, share=0.0) if mine else each for each, mine in zip(measured, own, strict=True)]
        if moved:
            said = "the clock of this host was set meanwhile"
            measured = [each if mine else replace(each, problem=said) for each, mine in zip(measured, own, strict=True)]
        self.rulings = [rule(each, found) for each, found in zip(self._config.rules, measured, strict=True)]
        return joined(self.rulings, self._config.join, over=over)

    def words(self) -> str:
        """What decided it: the rules that fire, else those that could not be evaluated, else all."""
        fired = [each for each in self.rulings if each.fires]
        unknown = [each for each in self.rulings if each.fires is None]
        return "; ".join(f"{each.rule}: {each.said}" for each in fired or unknown or self.rulings)

"""What every rule of a watch says of the time since an update, from the store's samples and from Prometheus."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from gate.store import samples
from gate.watch.judge import Ruling, rule
from gate.watch.measure import Span, measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gate.store.database import Database
    from gate.watch.config import WatchConfig

MAX_SAMPLES = 100_000


async def look(config: WatchConfig, database: Database, name: str, span: Span) -> list[Ruling]:
    """What each rule says.

    Raises:
        StoreError: the samples cannot be read.
    """
    texts: tuple[Sequence[str], Sequence[str]] = ((), ())
    if any(each.source == "expvar" for each in config.rules):
        texts = await asyncio.to_thread(_texts, database, name, config.baseline, span)
    measured = await measure(config, span, texts)
    return [rule(own, each) for own, each in zip(config.rules, measured, strict=True)]


def _texts(database: Database, name: str, baseline: float, span: Span) -> tuple[list[str], list[str]]:
    with database.read() as connection:
        key = samples.service_id(connection, name)
        start = int((span.until - baseline) * 1000)
        rows = [] if key is None else samples.samples_since(connection, key, start, MAX_SAMPLES)
    before, after = sides(rows, round(span.begun * 1000), span.now * 1000)
    if span.until < span.begun:  # in between ran an image that was not found good
        before = [row for row in before if row.due_ms <= span.until * 1000]
    return [row.counters for row in before], [row.counters for row in after]


def sides(rows: Sequence[Any], split: int, end: float) -> tuple[list[Any], list[Any]]:
    """Samples before and after the update at `split` (milliseconds); `end` is the last moment that counts.

    Who says when an update was begun says a time at which the old image still runs: what it counts until it is gone is no
    part of the time after.
    """
    rows = [row for row in rows if row.due_ms <= end]
    first = sum(row.due_ms < split for row in rows)
    old = next((row.epoch for row in reversed(rows[:first]) if row.epoch), "")
    while old and first < len(rows) and rows[first].epoch in (old, ""):
        first += 1
    return rows[:first], rows[first:]

"""What a rule compares, before and after an update, from Prometheus or from the store's samples."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from gate.watch import counters, prometheus
from gate.watch.judge import Measured
from probes.errors import ProbeError
from probes.live.client import Client

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gate.watch.config import WatchConfig, WatchRule

    Texts = tuple[Sequence[str], Sequence[str]]

SECONDS = 10.0


class Span(Struct, frozen=True):
    """The two times that are compared, in seconds since 1970: the baseline up to `until`, and from `begun` up to `now`.

    `until` and `begun` are the same unless an image ran in between that is nothing to compare with.
    """

    until: float
    begun: float
    now: float


async def measure(config: WatchConfig, span: Span, texts: Texts) -> list[Measured]:
    """The measurements of every rule of `config`, before and after.

    `texts` are the counters of the samples of the two times, as the store has them.
    """
    # Where there is less of the time before than was asked for, what it would make expect is too little, never too much.
    share = max(0.0, span.now - span.begun) / config.baseline
    return [replace(each, share=share) for each in await _measure(config, span, texts)]


async def _measure(config: WatchConfig, span: Span, texts: Texts) -> list[Measured]:
    if not config.prometheus:
        return [_from_samples(each, texts) for each in config.rules]
    async with Client(config.prometheus, seconds=SECONDS) as client:
        return list(
            await asyncio.gather(
                *(
                    _from_prometheus(client, each, config.baseline, span)
                    if each.source == "prometheus"
                    else _done(_from_samples(each, texts))
                    for each in config.rules
                )
            )
        )


async def _done(measured: Measured) -> Measured:
    return measured


async def _from_prometheus(client: Client, rule: WatchRule, baseline: float, span: Span) -> Measured:
    async def both(expression: str) -> tuple[float | None, float | None]:
        if not expression:
            return None, None
        before = await prometheus.query(client, expression, window=baseline, at=span.until)
        return before, await prometheus.query(client, expression, window=span.now - span.begun, at=span.now)

    try:
        return Measured(await both(rule.bad), await both(rule.total), await both(rule.value))
    except ProbeError as exc:
        return Measured(problem=exc.what)


def _from_samples(rule: WatchRule, texts: Texts) -> Measured:
    def both(name: str) -> tuple[list[float], list[float]]:
        before = counters.series(texts[0], name)
        after = counters.series(texts[1], name)
        return before, after

    def grown(name: str) -> tuple[float | None, float | None]:
        before, after = both(name)
        # What was counted between the last sample of the old image and the first of the new one is the new one's.
        return counters.increase(before), counters.increase([0.0, *after] if after else [])

    value = tuple(map(counters.level, both(rule.value)))
    return Measured(grown(rule.bad), grown(rule.total), (value[0], value[1]))

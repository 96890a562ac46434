"""Numbers from the samples in the store: expvar variables that were read with each poll. Pure."""

from __future__ import annotations

import json
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def series(texts: Iterable[str], name: str) -> list[float]:
    """The values of the variable in the samples' `counters`, JSON texts, in their order."""
    found = []
    for text in texts:
        try:
            value = json.loads(text).get(name)
        except (ValueError, AttributeError, RecursionError):
            continue
        if isinstance(value, int | float):
            found.append(float(value))
    return found


def increase(values: Sequence[float]) -> float | None:
    """How much a counter grew from the first value to the last. exec sets it to 0: a fall counts from there.

    None for fewer than two values, which tell nothing.
    """
    if len(values) < 2:
        return None
    return sum(new - old if new >= old else new for old, new in pairwise(values))


def level(values: Sequence[float]) -> float | None:
    """The median; None without values."""
    return median(values) if values else None

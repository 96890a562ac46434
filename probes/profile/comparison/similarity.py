"""How alike two sides are as a whole."""

from __future__ import annotations

import numpy as np

from probes.profile.comparison.windows import Comparison
from probes.profile.facts import F64

HOTTEST = 20


def overlap(both: Comparison) -> float:
    """Weighted Jaccard of the stacks, 0 to 1: the sum of the lesser shares over that of the greater ones (Ruzicka)."""
    one, two = (side.counts.sum(axis=1) / max(float(side.counts.sum()), 1) for side in (both.base, both.new))
    most = float(np.maximum(one, two).sum())
    return float(np.minimum(one, two).sum()) / most if most else 0.0


def rank_shift(base: F64, new: F64) -> float:
    """The mean number of places by which the hottest functions of BASE moved; flat samples, shape (F,).

    One that is no longer there counts as moved to the place after the last.
    """
    hottest = np.argsort(-base, kind="stable")[:HOTTEST]
    hottest = hottest[base[hottest] > 0]
    if not hottest.size:
        return 0.0
    order = np.argsort(-new, kind="stable")
    place = np.empty(order.size, dtype=np.int64)
    place[order] = np.arange(order.size)
    last = int((new > 0).sum())
    place = np.where(new > 0, place, last)
    return float(np.abs(place[hottest] - np.arange(hottest.size)).mean())

"""One count, window by window, on two sides: the judgement of a whole profile, for a single series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from scipy import special

from probes.profile.comparison.statistics import FEW, compare
from probes.profile.facts import F64

RATE = 0.01
MIN_GROWTH = 0.05
MANY = 1e9
"""What a count is a share of when that is not given: so much that it never matters."""

SeriesVerdict = Literal["grown", "shrunk", "spread", "same", "inconclusive"]


class SeriesFacts(Struct, frozen=True):
    """`verdict`: what became of NEW; `p` of growth, of decline and of another spread; `growth` with its 95% interval.

    `inconclusive`: no difference was found, and one that matters cannot be ruled out.
    """

    verdict: SeriesVerdict
    grown: float
    shrunk: float
    spread: float
    growth: tuple[float, float]


def judge(base: Sequence[float], new: Sequence[float], of: float = MANY) -> SeriesFacts:
    """Hold the counts of NEW's windows against those of BASE; each is of `of` in its window.

    Raises:
        ValueError: a side has fewer than two windows.
    """
    if min(len(base), len(new)) < 2:
        raise ValueError("two windows a side are the least")
    sides = [np.array([side], dtype=np.float64) for side in (base, new)]
    totals = [np.full(side.shape, of) for side in sides]
    found = compare(sides[0], totals[0], sides[1], totals[1])
    grown, shrunk, spread = float(found.grown[0]), float(found.shrunk[0]), spread_p(sides[0][0], sides[1][0])
    angles = [float(np.arcsin(np.sqrt(side.share[0]))) for side in (found.base, found.new)]
    reach = float(special.stdtrit(found.freedom[0], 0.975) * found.error[0])
    low, high = (angles[1] - angles[0] + sign * reach for sign in (-1, 1))
    growth = _growth(angles[0], low), _growth(angles[0], high)
    if grown < RATE:
        verdict: SeriesVerdict = "grown"
    elif shrunk < RATE:
        verdict = "shrunk"
    elif spread < RATE:
        verdict = "spread"
    else:
        verdict = "same" if growth[1] <= MIN_GROWTH else "inconclusive"
    return SeriesFacts(verdict, grown, shrunk, spread, growth)


def _growth(angle: float, by: float) -> float:
    share = np.sin(angle) ** 2
    return float(np.sin(np.clip(angle + by, 0, np.pi / 2)) ** 2 / share - 1) if share > 0 else float("inf")


def spread_p(base: F64, new: F64) -> float:
    """Whether counts vary by another amount: Brown and Forsythe's test on square roots, two-sided, with Welch's t."""
    if min(float(base.sum()), float(new.sum())) < FEW / 2:
        return 1.0  # a handful of counts has no spread to speak of
    parts = []
    for side in (base, new):
        root = np.sqrt(np.maximum(side, 0) + 0.375)
        away = np.abs(root - np.median(root))
        parts.append((float(away.mean()), float(away.var(ddof=1)) / away.size, away.size - 1))
    variance = parts[0][1] + parts[1][1]
    if variance <= 0:
        return 1.0 if parts[0][0] == parts[1][0] else 0.0
    freedom = variance**2 / sum(v**2 / n for _, v, n in parts)
    return float(2 * special.stdtr(freedom, -abs(parts[1][0] - parts[0][0]) / np.sqrt(variance)))

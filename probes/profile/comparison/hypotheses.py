"""What is tested of a comparison: flat and cumulative shares, each against what did not change."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from probes.profile.comparison.facts import DiffSettings
from probes.profile.comparison.statistics import Shares, compare, discoveries
from probes.profile.comparison.windows import Comparison
from probes.profile.facts import F64, Bools

FLAT_PART, WHOLE_PART = 0.8, 0.2
"""Of the rate of false discoveries, for flat and for cumulative shares."""
WHOLE = 0.9
"""Of all samples: a function that holds more has nothing left to be measured against."""
FAR = 0.15
"""By how much, on a logarithmic scale, the typical function may part from the sum of all."""
CLEAR = 5.0
"""Standard errors of the sums of all from which that is not by chance."""
REFERENCE = 0.1
"""By how much, on a logarithmic scale, a share must have changed to be no part of what others are measured against."""
ROUNDS = 3
"""Of finding what changed, and measuring again against the rest."""


class Family(Struct, frozen=True):
    """Flat or cumulative counts: (F, W) of both sides, what they are shares of, and what came of it."""

    counts: tuple[F64, F64]
    of: tuple[F64, F64]
    shares: Shares
    tested: Bools
    grown: Bools
    shrunk: Bools


def flat_family(both: Comparison, flats: tuple[F64, F64], settings: DiffSettings) -> tuple[Bools, Family]:
    """Test flat shares against what did not change: a function that is gone must not make all others grow."""
    tested = pooled(flats, both) >= settings.min_share
    totals = both.base.totals, both.new.totals
    changed = np.zeros(len(both.names), dtype=np.bool_)
    scale = _scale(flats, np.ones_like(tested))
    of: tuple[F64, F64] = totals[0][None, :] + 0 * flats[0], (totals[1] * scale)[None, :] + 0 * flats[1]
    for _ in range(ROUNDS):
        shares = compare(flats[0], of[0], flats[1], of[1])
        moved = np.minimum(shares.grown, shares.shrunk) * 2
        changed = discoveries(moved, settings.rate, tested) & _far(shares)
        rest = _rest(flats, changed)
        column = changed[:, None]
        of = np.where(column, flats[0] + rest[0], rest[0]), np.where(column, flats[1] + rest[1], rest[1])
    shares = compare(flats[0], of[0], flats[1], of[1])
    return changed, _family(flats, of, shares, tested, settings.rate * FLAT_PART)


def whole_family(
    both: Comparison, wholes: tuple[F64, F64], flats: tuple[F64, F64], changed: Bools, settings: DiffSettings
) -> Family:
    """Test cumulative shares against what is outside of them and did not change."""
    share = pooled(wholes, both)
    tested = (share >= settings.min_share) & (share <= WHOLE)
    tested &= (wholes[0].sum(axis=1) != flats[0].sum(axis=1)) | (wholes[1].sum(axis=1) != flats[1].sum(axis=1))
    rows = np.flatnonzero(tested)
    _, first = np.unique(np.hstack([wholes[0][rows], wholes[1][rows]]), axis=0, return_index=True)
    once = np.zeros_like(tested)
    once[rows[first]] = True  # a chain of callers is one hypothesis
    stable = ~changed[both.leaves]
    of = []
    for side, whole in zip((both.base, both.new), wholes, strict=True):
        counts = side.counts * stable[:, None]
        outside = np.maximum(counts.sum(axis=0)[None, :] - both.cumulative(counts), 0)
        of.append(whole + outside)
    shares = compare(wholes[0], of[0], wholes[1], of[1])
    return _family(wholes, (of[0], of[1]), shares, once, settings.rate * WHOLE_PART)


def _family(counts: tuple[F64, F64], of: tuple[F64, F64], shares: Shares, tested: Bools, rate: float) -> Family:
    grown, shrunk = discoveries(shares.grown, rate, tested), discoveries(shares.shrunk, rate, tested)
    return Family(counts, of, shares, tested, grown, shrunk)


def pooled(counts: tuple[F64, F64], both: Comparison) -> F64:
    """The mean of both sides' shares."""
    one, two = (
        side.sum(axis=1) / max(float(each.counts.sum()), 1)
        for side, each in zip(counts, (both.base, both.new), strict=True)
    )
    return np.asarray((one + two) / 2)


def _far(shares: Shares) -> Bools:
    """Which differ by what is worth leaving them out of the reference: a function that holds nearly all must stay in it."""
    base, new = np.maximum(shares.base.share, 1e-12), np.maximum(shares.new.share, 1e-12)
    return np.asarray(np.abs(np.log(new / base)) > REFERENCE)


def _rest(flats: tuple[F64, F64], changed: Bools) -> tuple[F64, F64]:
    """What others are measured against in each window, shape (1, W): the samples of all functions but the changed ones.

    Many small functions may have changed without one of them standing out. Where the sum of all parts far from what the
    typical function does, it is brought back to that.
    """
    base, new = (side[~changed].sum(axis=0)[None, :] for side in flats)
    scale = _scale(flats, ~changed)
    chance = np.sqrt(1 / max(float(base.sum()), 1.0) + 1 / max(float(new.sum()), 1.0))
    return base, new * scale if abs(np.log(scale)) > max(FAR, CLEAR * chance) else new


def _scale(flats: tuple[F64, F64], which: Bools) -> float:
    """By what the share of a typical function changed: the weighted median over `which`, of their sum."""
    sums = [side[which].sum(axis=1) for side in flats]
    shares = [each / max(float(each.sum()), 1.0) for each in sums]
    both = (shares[0] > 0) & (shares[1] > 0)
    if not both.any():
        return 1.0
    ratio, weight = shares[1][both] / shares[0][both], shares[0][both] + shares[1][both]
    order = np.argsort(ratio)
    middle = np.searchsorted(np.cumsum(weight[order]), weight.sum() / 2)
    return float(ratio[order][min(middle, ratio.size - 1)])

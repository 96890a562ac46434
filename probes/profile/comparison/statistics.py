"""Is a function's share of the samples larger than before? Windows are the replicates.

Pooled counts take every sample for an independent one; under bursty load they are not, and identical services differ
all the time. What varies between windows is measured here instead:

* a side's share is the mean of its windows', weighted between "each sample counts alike" and "each window counts alike" by
  how much more the windows differ than chance makes them (Kleinman 1973);
* the difference is taken on the arcsine scale, where the variance of a share does not depend on the share (Anscombe 1948);
* its variance is that between the windows, never less than the binomial one, held against Student's t with Welch's degrees
  of freedom; where all functions vary alike, their variances speak for one another (Smyth 2004);
* where there are few samples in all, an exact test on the counts is a floor.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from scipy import special

from probes.profile.facts import F64, Bools

FEW = 50.0
"""Samples of both sides together below which the exact test is a floor."""
FIT_SAMPLES = 5.0
"""Samples from which a function's variance tells something of the others'."""
FIT_FUNCTIONS = 5
CALM = 25.0
"""Degrees of freedom of the common variance from which all functions vary alike, as under steady load."""
RESTLESS = 0.01
"""Level at which a function's variance is too large for the others' to speak for it all the same."""
BLOCKS = 5
BLOCK_LEVEL = 0.02
"""Blocks of neighbouring windows, and the level at which a difference must stand out between them, too."""


class Estimate(Struct, frozen=True):
    """One side's shares, each array of shape (F,). `unit` x `spread` / 4 is the variance on the arcsine scale.

    `samples`: in all windows; `spread`: the variance between windows in units of the binomial one; `freedom`: of it.
    """

    share: F64
    samples: F64
    unit: F64
    spread: F64
    freedom: F64

    @property
    def variance(self) -> F64:
        """Of arcsin sqrt(share)."""
        return self.unit * self.spread / 4


class Shares(Struct, frozen=True):
    """Both sides, and the one-sided p-values of growth and of decline; arrays of shape (F,)."""

    base: Estimate
    new: Estimate
    grown: F64
    shrunk: F64
    error: F64
    """Standard error of the difference on the arcsine scale."""
    freedom: F64


def compare(base: F64, base_of: F64, new: F64, new_of: F64, *, moderate: bool = True) -> Shares:
    """Compare shares window by window.

    Args:
        base: samples of each function in each window of BASE, shape (F, W).
        base_of: samples that they are shares of, shape (F, W) or (W,).
        new: the same of NEW, shape (F, V).
        new_of: shape (F, V) or (V,).
        moderate: let all functions' variances speak for one another.
    """
    sides = [(x, np.broadcast_to(np.maximum(of, x), x.shape)) for x, of in ((base, base_of), (new, new_of))]
    found = _compare(sides, moderate=moderate)
    exact_grown, exact_shrunk = _exact(found.base, found.new, sides)
    found = replace(found, grown=np.maximum(found.grown, exact_grown), shrunk=np.maximum(found.shrunk, exact_shrunk))
    if min(x.shape[1] for x, _ in sides) < 2 * BLOCKS:
        return found
    # Where the load drifts, a window resembles the one before, and the variance between windows is less than that of
    # what they are the mean of. That between blocks of windows is nearer to it: who stands out must do so there, too.
    blocks = _compare([(_merged(x), _merged(of)) for x, of in sides], moderate=False)
    return replace(
        found,
        grown=np.where(blocks.grown > BLOCK_LEVEL, 1.0, found.grown),
        shrunk=np.where(blocks.shrunk > BLOCK_LEVEL, 1.0, found.shrunk),
    )


def _compare(sides: list[tuple[F64, F64]], *, moderate: bool) -> Shares:
    pooled = _ratio(sum(x.sum(axis=1) for x, _ in sides), sum(of.sum(axis=1) for _, of in sides))
    excess = _excess(sides)
    one, two = (_estimate(x, of, pooled, excess, moderate=moderate) for x, of in sides)
    variance = one.variance + two.variance
    error = np.sqrt(variance)
    freedom = variance**2 / (one.variance**2 / one.freedom + two.variance**2 / two.freedom)
    t = (_angle(two.share) - _angle(one.share)) / error
    return Shares(one, two, special.stdtr(freedom, -t), special.stdtr(freedom, t), error, freedom)


def _merged(x: F64) -> F64:
    """Neighbouring windows added up, so that `BLOCKS` are left."""
    edges = np.linspace(0, x.shape[1], BLOCKS + 1).astype(np.int64)[:-1]
    return np.asarray(np.add.reduceat(x, edges, axis=1))


def _angle(share: F64) -> F64:
    return np.asarray(np.arcsin(np.sqrt(np.clip(share, 0, 1))))


def _ratio(x: F64, of: F64) -> F64:
    return np.asarray(np.divide(x, of, out=np.zeros_like(x, dtype=np.float64), where=of > 0))


def _excess(sides: list[tuple[F64, F64]]) -> F64:
    """The correlation of two samples of one window, by moments over both sides; 0 where chance explains all."""
    numerator = denominator = np.zeros(len(sides[0][0]))
    for x, of in sides:
        total = of.sum(axis=1)
        share = _ratio(x.sum(axis=1), total)
        plain = np.where(share * (1 - share) > 0, share * (1 - share), np.inf)
        q = (of * (_ratio(x, of) - share[:, None]) ** 2).sum(axis=1) / plain
        windows = (of > 0).sum(axis=1) - 1
        numerator = numerator + np.where(np.isfinite(plain), q - windows, 0)
        denominator = denominator + total - _ratio((of**2).sum(axis=1), total) - windows
    return np.clip(_ratio(numerator, np.maximum(denominator, 0)), 0, 1)


def _estimate(x: F64, of: F64, pooled: F64, excess: F64, *, moderate: bool) -> Estimate:
    weight = of / (1 + np.maximum(of - 1, 0) * excess[:, None])
    whole = np.maximum(weight.sum(axis=1), 1e-300)
    share = (weight * _ratio(x, of)).sum(axis=1) / whole
    squares = (weight**2).sum(axis=1)
    effective = np.maximum(_ratio(whole**2, squares), 1.0)
    freedom = np.maximum(effective - 1, 1e-3)
    unit = np.maximum(_ratio((weight**2 * _ratio(np.ones_like(of), of)).sum(axis=1), whole**2), 1e-300)
    centre = np.where((share > 0) & (share < 1), share, pooled)
    binomial = np.where(centre * (1 - centre) > 0, centre * (1 - centre), np.inf) * unit
    between = (weight**2 * (_ratio(x, of) - share[:, None]) ** 2).sum(axis=1) / whole**2 * effective / freedom
    samples = x.sum(axis=1)
    spread = between / binomial
    if moderate:
        spread, freedom = _moderated(spread, freedom, samples)
    return Estimate(share, samples, unit, np.maximum(spread, 1.0), freedom)


def _moderated(spread: F64, freedom: F64, samples: F64) -> tuple[F64, F64]:
    """Each variance drawn towards what all functions have in common; as it is where they have little in common."""
    told = (samples >= FIT_SAMPLES) & (spread > 0) & (freedom >= 1)
    if int(told.sum()) < FIT_FUNCTIONS:
        return spread, freedom
    prior, common = _prior(spread[told], freedom[told])
    if prior < CALM:
        return spread, freedom
    common = max(common, 1.0)
    ratio = spread / common
    if np.isinf(prior):
        restless = special.chdtrc(freedom, freedom * ratio) < RESTLESS
        drawn, drawn_freedom = np.full_like(spread, common), np.full_like(freedom, 1e6)
    else:
        restless = special.fdtrc(freedom, prior, ratio) < RESTLESS
        drawn, drawn_freedom = (freedom * spread + prior * common) / (freedom + prior), freedom + prior
    return np.where(restless, spread, drawn), np.where(restless, freedom, drawn_freedom)


def _prior(spread: F64, freedom: F64) -> tuple[float, float]:
    """Degrees of freedom and value of the common variance, by the moments of log variances (Smyth 2004, section 6.2)."""
    half = freedom / 2
    centred = np.log(spread) - special.digamma(half) + np.log(half)
    mean = float(centred.mean())
    rest = float(centred.var(ddof=1) - special.polygamma(1, half).mean())
    if rest <= 0:
        return np.inf, float(np.exp(mean))
    prior = 2 * _inverse_trigamma(rest)
    return prior, float(np.exp(mean + special.digamma(prior / 2) - np.log(prior / 2)))


def _inverse_trigamma(value: float) -> float:
    """Newton's method on 1 / trigamma, which is nearly linear (Smyth 2004, appendix)."""
    if value > 1e7:
        return float(1 / np.sqrt(value))
    if value < 1e-6:
        return 1 / value
    x = 0.5 + 1 / value
    for _ in range(50):
        tri = float(special.polygamma(1, x))
        step = tri * (1 - tri / value) / float(special.polygamma(2, x))
        x += step
        if -step / x < 1e-8:
            break
    return x


def _exact(base: Estimate, new: Estimate, sides: list[tuple[F64, F64]]) -> tuple[F64, F64]:
    """Conditional on how many samples both have together; 0 where there are many."""
    before, after = np.floor(base.samples), np.floor(new.samples)
    few = base.samples + new.samples < FEW
    of = [side.sum(axis=1) for _, side in sides]
    chance = np.clip(_ratio(of[1], of[0] + of[1]), 1e-12, 1 - 1e-12)
    total = before + after
    grown = np.where(after > 0, special.betainc(np.maximum(after, 1), total - after + 1, chance), 1.0)
    shrunk = np.where(before > 0, special.betainc(np.maximum(before, 1), total - before + 1, 1 - chance), 1.0)
    return np.where(few, grown, 0.0), np.where(few, shrunk, 0.0)


def discoveries(p: F64, q: float, tested: Bools) -> Bools:
    """Which of `tested` stand out at a false discovery rate of `q` (Benjamini and Hochberg 1995)."""
    out = np.zeros(p.size, dtype=np.bool_)
    rows = np.flatnonzero(tested)
    if not rows.size:
        return out
    order = rows[np.argsort(p[rows], kind="stable")]
    good = np.flatnonzero(p[order] <= q * np.arange(1, rows.size + 1) / rows.size)
    if good.size:
        out[order[: good[-1] + 1]] = True
    return out


def detectable(share: float, error: float, level: float, freedom: float, power: float = 0.9) -> float:
    """The least growth of a function with `share` that is found at `level` with `power`, as a factor less 1."""
    reach = float(special.stdtrit(freedom, 1 - level) + special.ndtri(power)) * error
    angle = float(np.arcsin(np.sqrt(share))) + reach
    return float(np.sin(min(angle, np.pi / 2)) ** 2 / share - 1) if angle < np.pi / 2 else float("inf")

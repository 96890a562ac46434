"""Is a count too high to be chance? Exact, so that it holds for the few errors that a good service has. Pure.

Two Poisson counts with exposures, compared given their sum, which leaves a binomial: Przyborowski and Wilenski,
"Homogeneity of results in testing samples from Poisson series", Biometrika 31 (1940), 313-323.
"""

from __future__ import annotations

import math

TINY = 1e-18


def binomial_tail(count: int, number: int, chance: float) -> float:
    """P(X >= count) for X ~ Binomial(number, chance).

    The terms are summed from the largest on, until the rest is below 1e-18 of the sum: 1e-9 of relative error or better.
    """
    if count <= 0:
        return 1.0
    if count > number or chance <= 0:
        return 0.0
    if chance >= 1:
        return 1.0
    if count <= number * chance:  # the other side is the shorter one, and 1 - tail loses nothing here
        return max(0.0, 1.0 - _sum_from(number - count + 1, number, 1 - chance))
    return _sum_from(count, number, chance)


def _sum_from(count: int, number: int, chance: float) -> float:
    """The sum of the terms from `count` up; they fall from the start when `count` is above the mean."""
    if count > number:
        return 0.0
    log_term = (
        math.lgamma(number + 1)
        - math.lgamma(count + 1)
        - math.lgamma(number - count + 1)
        + count * math.log(chance)
        + (number - count) * math.log1p(-chance)
    )
    total = term = 1.0
    odds = chance / (1 - chance)
    for k in range(count, number):
        term *= (number - k) / (k + 1) * odds
        total += term
        if term < TINY * total:
            break
    return min(1.0, math.exp(log_term + math.log(total)))


def excess(bad: int, total: float, bad_before: int, total_before: float) -> float:
    """The probability of `bad` or more of `total` when the share is the same as in `bad_before` of `total_before`.

    Args:
        bad: events after the update.
        total: requests after it, above 0.
        bad_before: events before.
        total_before: requests before, above 0.
    """
    return binomial_tail(bad, bad + bad_before, total / (total + total_before))

"""The exact test against scipy's figures, against chance, and against the rule that it replaces."""

from __future__ import annotations

import math
import random

import pytest

from gate.watch import counters
from gate.watch.config import WatchRule
from gate.watch.exact import binomial_tail, excess
from gate.watch.judge import ALPHA, Measured, Ruling, joined, rule

RATIO = WatchRule("error rate", "ratio", "prometheus", "e", "r", "", 3.0, 10)
LEVEL = WatchRule("latency p99", "level", "prometheus", "", "", "l", 2.0, 10)


def brute(count: int, number: int, chance: float) -> float:
    return math.fsum(
        math.comb(number, k) * chance**k * (1 - chance) ** (number - k) for k in range(max(count, 0), number + 1)
    )


@pytest.mark.parametrize("number", [0, 1, 2, 7, 40])
@pytest.mark.parametrize("chance", [0.001, 0.2, 0.5, 0.77, 0.999])
def test_the_tail_is_the_sum_of_its_terms(number: int, chance: float) -> None:
    for count in range(-1, number + 2):
        assert binomial_tail(count, number, chance) == pytest.approx(brute(count, number, chance), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize(
    ("count", "number", "chance", "tail"),
    [  # scipy.stats.binom.sf(count - 1, number, chance), scipy 1.17.1
        (60, 1000, 0.03, 5.802225924157976e-07),
        (5200, 10000, 0.5, 3.2967577993361714e-05),
        (900, 100000, 0.01, 0.9994109510545188),
    ],
)
def test_large_numbers_agree_with_another_implementation(count: int, number: int, chance: float, tail: float) -> None:
    assert binomial_tail(count, number, chance) == pytest.approx(tail, rel=1e-9)


def poisson(chance: random.Random, mean: float) -> int:
    """Knuth's way, for means that are not large."""
    limit, product, count = math.exp(-mean), chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count


@pytest.mark.parametrize(("mean", "plain"), [(0.3, 0.2592), (10.0, 8e-8)])
def test_a_plain_times_three_rule_raises_false_alarms_at_small_counts(mean: float, plain: float) -> None:
    """The figures of the design: P(Poisson(mean) > 3 * mean)."""
    upto = math.fsum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(int(3 * mean) + 1))
    assert 1 - upto == pytest.approx(plain, rel=0.05)


@pytest.mark.parametrize("mean", [0.3, 3.0, 30.0])
def test_without_a_change_it_hardly_ever_fires(mean: float) -> None:
    chance = random.Random(5)
    fired = naive = 0
    for _ in range(3000):
        before, after = poisson(chance, mean * 6), poisson(chance, mean)
        naive += after > 3 * before / 6
        fired += rule(RATIO, Measured((before, after), (6000, 1000))).fires is True
    assert fired <= 2
    if mean < 1:
        assert naive > 300, "the plain rule does fire here"


def test_a_real_change_is_found() -> None:
    chance = random.Random(6)
    found = sum(
        rule(RATIO, Measured((poisson(chance, 60), poisson(chance, 60)), (6000, 1000))).fires is True
        for _ in range(200)
    )
    assert found >= 199, "six times the rate"


@pytest.mark.parametrize(
    ("measured", "fires", "said"),
    [
        (Measured((10, 9), (1000, 100)), False, "fewer than 10"),
        (Measured((0, 10), (1000, 1000)), False, "chance would do it"),
        (Measured((0, 20), (1000, 1000)), True, "before: 0 of 1,000"),
        (Measured((100, 29), (1000, 100)), False, "29 of 100"),
        (Measured((100, 90), (1000, 100)), True, "90 of 100"),
        (Measured((None, 5), (None, 100)), None, "before the update"),
        (Measured((5, None), (100, None)), None, "since the update"),
        (Measured((5, 0), (100, 0)), None, "since the update"),
        (Measured((5, 5), (0, 100)), None, "before the update"),
        (Measured(problem="no answer in time"), None, "no answer in time"),
        (Measured((1e300, 1e300), (2e300, 2e300)), None, "not believed"),
        (Measured((1e9, 1e9), (1e300, 1e300)), None, "not believed"),
    ],
)
def test_ratios(measured: Measured, fires: bool | None, said: str) -> None:
    found = rule(RATIO, measured)
    assert found.fires is fires
    assert said in found.said


@pytest.mark.parametrize(
    ("before", "after", "share", "said"),
    [
        (6000.0, 0.0, 1 / 6, "no requests since the update, where about 1,000 would have come at the rate before it"),
        (6000.0, None, 1 / 6, "nothing counts requests since the update, where about 1,000 would"),
        (180.0, 0.0, 1 / 6, "about 30 would have come"),
        (174.0, 0.0, 1 / 6, None),
        (6000.0, 0.0, 0.0, None),
        (1e300, 0.0, 1e300, None),
    ],
)
def test_silence_where_there_were_requests_is_told_with_what_was_to_come(
    before: float, after: float | None, share: float, said: str | None
) -> None:
    found = rule(RATIO, Measured((5, 0), (before, after), share=share))
    assert found.fires is None, "a service that nobody asks is no worse one"
    if said is None:
        assert found.said == "no requests since the update"
    else:
        assert said in found.said


@pytest.mark.parametrize(
    ("before", "after", "fires"),
    [
        (0.1, 0.2, False),
        (0.1, 0.2001, True),
        (0.1, 0.01, False),
        (None, 1.0, None),
        (0.1, None, None),
        (0.0, 1.0, None),
    ],
)
def test_levels(before: float | None, after: float | None, fires: bool | None) -> None:
    assert rule(LEVEL, Measured(value=(before, after))).fires is fires


YES, NO, UNKNOWN = (Ruling("r", fires, "") for fires in (True, False, None))


@pytest.mark.parametrize(
    ("rulings", "join", "over", "state"),
    [
        ((YES, NO), "any", False, "rollback"),
        ((YES, NO), "all", False, "watching"),
        ((YES, NO), "all", True, "clear"),
        ((YES, YES), "all", False, "rollback"),
        ((YES, UNKNOWN), "all", True, "inconclusive"),
        ((YES, UNKNOWN), "any", True, "rollback"),
        ((NO, UNKNOWN), "any", False, "watching"),
        ((NO, UNKNOWN), "any", True, "inconclusive"),
        ((UNKNOWN,), "all", True, "inconclusive"),
        ((NO,), "any", True, "clear"),
    ],
)
def test_rules_are_joined(rulings, join, over, state) -> None:
    assert joined(rulings, join, over=over) == state


def test_an_outage_that_fails_fast_is_seen_by_any_and_not_by_all() -> None:
    rulings = [
        rule(RATIO, Measured((1, 900), (10_000, 1000))),
        rule(LEVEL, Measured(value=(0.2, 0.001))),
    ]
    assert joined(rulings, "any", over=False) == "rollback"
    assert joined(rulings, "all", over=False) == "watching"


def test_the_same_share_of_more_requests_is_no_excess() -> None:
    assert excess(1000, 100_000, 100, 10_000) > 0.4
    assert excess(60, 1000, 60, 6000) < ALPHA


@pytest.mark.parametrize(
    ("values", "grown"), [([], None), ([5], None), ([5, 8], 3), ([5, 8, 2, 4], 7), ([0, 0], 0), ([9, 0, 0], 0)]
)
def test_counters_fall_to_zero_at_an_update(values: list[float], grown: float | None) -> None:
    assert counters.increase(values) == grown


def test_only_numbers_of_a_sample_count() -> None:
    texts = ['{"a": 1}', "{}", "no json", '{"a": "2"}', '{"a": 3.5}', "[]"]
    assert counters.series(texts, "a") == [1.0, 3.5]

"""The tests behind the comparison, and the short version of `make stats`."""

from __future__ import annotations

import numpy as np
import pytest

from probes.profile.comparison.compare import diff
from probes.profile.comparison.series import judge
from probes.profile.comparison.statistics import compare, detectable, discoveries
from scripts.measure import synthetic
from scripts.measure.stats import HARD, SHARES, detection, false_alarms, refactorings
from tests.conftest import first


@pytest.fixture(scope="module")
def reference():
    """scipy's tests, which only this module's process need load."""
    from scipy import stats  # noqa: PLC0415

    return stats


def test_without_anything_in_common_it_is_welch_on_equal_windows(reference):
    rng = np.random.default_rng(5)
    base, new = rng.binomial(500, 0.3, (1, 12)).astype(float), rng.binomial(500, 0.33, (1, 9)).astype(float)
    base *= rng.choice([0.8, 1.2], (1, 12))  # more restless than chance
    new *= rng.choice([0.8, 1.2], (1, 9))
    found = compare(base, np.full((1, 12), 500.0), new, np.full((1, 9), 500.0), moderate=False)
    angles = [np.arcsin(np.sqrt(side / 500))[0] for side in (base, new)]
    expected = reference.ttest_ind(angles[1], angles[0], equal_var=False, alternative="greater").pvalue
    assert found.grown[0] == pytest.approx(expected, rel=0.15)


def test_the_exact_floor_is_the_binomial_test(reference):
    base, new = np.array([[0.0, 1, 0]]), np.array([[2.0, 3, 1]])
    of = np.full((1, 3), 1e9)
    expected = reference.binomtest(6, 7, 0.5, alternative="greater").pvalue
    assert compare(base, of, new, of).grown[0] >= expected * (1 - 1e-9)


def test_discoveries_are_benjamini_and_hochbergs(reference):
    rng = np.random.default_rng(2)
    for _ in range(50):
        p = rng.random(30) ** 3
        adjusted = reference.false_discovery_control(p)
        assert (discoveries(p, 0.05, np.ones(30, dtype=bool)) == (adjusted <= 0.05)).all()
    assert not discoveries(p, 0.05, np.zeros(30, dtype=bool)).any()


def test_what_is_said_to_be_detectable_is_found_in_nine_of_ten():
    growth = None
    hits = 0
    for number in range(150):
        rng = np.random.default_rng([3, number])
        if growth is None:
            base, _ = synthetic.single(0.05, 1.0)
            growth = dict(diff(synthetic.compare(rng, base, base, "steady")).detectable)[0.05]
        base, new = synthetic.single(0.05, 1 + growth)
        hits += any(each.name == "main.f0x" for each in diff(synthetic.compare(rng, base, new, "steady")).regressions())
    assert hits / 150 == pytest.approx(0.9, abs=0.08)
    assert detectable(0.05, 0.01, 1e-4, 1e6) < detectable(0.05, 0.02, 1e-4, 1e6) < detectable(0.01, 0.02, 1e-4, 1e6)


@pytest.mark.parametrize("load", first(1, synthetic.LOADS))
def test_identical_services_are_not_told_apart(load):
    assert false_alarms(60, load)["hotgate"] <= 2 / 60


@pytest.mark.parametrize(("share", "growth"), first(2, [(0.01, 2.0), (0.05, 2.0), (0.05, 1.25), (0.2, 1.5)]))
def test_growth_is_found_at_the_designs_sample_counts(share, growth):
    assert detection(60, share, growth, SHARES[share][growth]) >= 0.8


@pytest.mark.parametrize("how", first(2, ["split", "extract", "rename", "rename-caller", "merge"]))
def test_refactorings_are_no_regressions(how):
    assert refactorings(25, how) <= 1 / 25


@pytest.mark.parametrize(("name", "base", "new", "expected"), HARD, ids=[row[0] for row in HARD])
def test_hard_vectors(name, base, new, expected):
    del name
    assert judge(base, new).verdict == expected


def test_a_function_that_is_gone_makes_no_other_grow():
    base, new = synthetic.single(0.2, 1e-6)
    rng = np.random.default_rng(8)
    found = diff(synthetic.compare(rng, base, new, "steady"))
    assert found.regressions() == ()
    assert [each.name for each in found.functions if each.change == "shrunk"] == ["main.f0x"]


def test_growth_that_went_away_is_told_as_such():
    rng = np.random.default_rng(9)
    base, new = synthetic.single(0.05, 3.0)
    calm = synthetic.compare(rng, base, base, "steady")
    both = synthetic.compare(rng, base, new, "steady")
    both.new.counts[:, -6:] = calm.new.counts[:, -6:]
    change = {each.name: each.change for each in diff(both).functions}
    assert change["main.f0x"] == "went-away"

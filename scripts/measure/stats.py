"""What the comparison of profiles can be trusted with, measured on synthetic services: `make stats`.

False alarms on identical services under three loads, detection at the sample counts of the design, refactorings, and the
hard vectors; plain rules and pooled tests beside it. The same seed gives the same figures.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace
from scipy import special

from probes.profile.comparison.compare import diff
from probes.profile.comparison.facts import DiffSettings
from probes.profile.comparison.series import judge
from probes.profile.comparison.statistics import discoveries
from scripts.measure import synthetic as loads

if TYPE_CHECKING:
    from collections.abc import Callable

    from probes.profile.comparison.windows import Comparison
    from probes.profile.facts import F64

SEED = 20261121
MAX_ALARMS = 0.01
MIN_FOUND = 0.9
SHARES: dict[float, dict[float, int]] = {
    0.01: {2.0: 7_900, 1.5: 26_000, 1.25: 95_000, 1.1: 556_000},
    0.05: {2.0: 1_500, 1.5: 5_000, 1.25: 18_000, 1.1: 106_000},
    0.2: {2.0: 278, 1.5: 1_000, 1.25: 3_700, 1.1: 22_000},
}
"""Share of a function -> growth of the share -> samples a side that find it in 9 of 10."""
HARD: tuple[tuple[str, list[float], list[float], str], ...] = (
    ("7 x 100 and 3 x 1 against 10 x 1", [1] * 10, [100] * 7 + [1] * 3, "grown"),
    ("1,4,2,3,1 against zeros", [0] * 5, [1, 4, 2, 3, 1], "grown"),
    (
        "another variance at the same mean",
        [10, 11, 9, 10, 10, 9, 11, 10, 10, 10],
        [1, 19, 2, 18, 1, 19, 1, 20, 1, 18],
        "spread",
    ),
    ("0,1,2,1,0,0 against zeros", [0] * 6, [0, 1, 2, 1, 0, 0], "inconclusive"),
)
REFACTORINGS = ("split", "extract", "rename", "rename-caller", "merge")
SENSITIVE = DiffSettings(min_growth=0.03, min_points=0.0002)
"""For growth by a tenth, which the default does not report."""


def _ours(both: Comparison) -> bool:
    return bool(diff(both).regressions())


def _flats(both: Comparison) -> tuple[F64, F64]:
    return both.flat(both.base.counts), both.flat(both.new.counts)


def _plain(both: Comparison) -> bool:
    """Ten percent more, on a share of at least 1%."""
    base, new = (side.sum(axis=1) / side.sum() for side in _flats(both))
    return bool(((new >= 1.1 * base) & (np.maximum(base, new) >= 0.01)).any())


def _pooled(both: Comparison) -> bool:
    """Every sample an independent one: a test of two proportions, with Benjamini and Hochberg."""
    flats = _flats(both)
    x, n = [side.sum(axis=1) for side in flats], [side.sum() for side in flats]
    mean = (x[0] + x[1]) / (n[0] + n[1])
    error = np.sqrt(np.maximum(mean * (1 - mean) * (1 / n[0] + 1 / n[1]), 1e-300))
    tested = mean >= 0.005
    return bool(discoveries(special.ndtr((x[0] / n[0] - x[1] / n[1]) / error), 0.01, tested).any())


RULES: dict[str, Callable[[Comparison], bool]] = {"hotgate": _ours, "plain +10%": _plain, "pooled": _pooled}


@dataclass(slots=True)
class Table:
    """What is printed, and what did not hold."""

    failed: list[str]

    def check(self, what: str, value: float, limit: float, *, at_most: bool) -> str:
        """The value with its mark."""
        good = value <= limit if at_most else value >= limit
        if not good:
            self.failed.append(f"{what}: {value:.2%}, {'at most' if at_most else 'at least'} {limit:.0%}")
        return f"{value:>7.2%}{' ' if good else '!'}"


def false_alarms(rounds: int, load: str, *, interleaved: bool = True) -> dict[str, float]:
    """The share of comparisons of a service with itself in which each rule finds growth."""
    found = dict.fromkeys(RULES, 0)
    for number in range(rounds):
        rng = np.random.default_rng([SEED, loads.LOADS.index(load), number])
        made = loads.service(rng)
        both = loads.compare(rng, made, made, load, interleaved=interleaved)
        for name, rule in RULES.items():
            found[name] += rule(both)
    return {name: hits / rounds for name, hits in found.items()}


def detection(rounds: int, share: float, growth: float, samples: float) -> float:
    """How often a function whose share grew is found, with so many samples a side in 20 windows."""
    hits = 0
    for number in range(rounds):
        rng = np.random.default_rng([SEED, 10, number, round(share * 100), round(growth * 100)])
        base, new = loads.single(share, growth)
        both = loads.compare(rng, base, new, "steady", samples=samples / loads.WINDOWS)
        settings = SENSITIVE if growth < 1.2 else replace(SENSITIVE, min_growth=0.1)
        hits += any(each.name == "main.f0x" for each in diff(both, settings).regressions())
    return hits / rounds


def refactorings(rounds: int, how: str) -> float:
    """How often a change of structure is reported as a regression."""
    hits = 0
    for number in range(rounds):
        rng = np.random.default_rng([SEED, 20, number])
        made = loads.service(rng)
        leaf = loads.pick(rng, made, 0.01, 0.15)
        hits += _ours(loads.compare(rng, made, loads.refactored(made, leaf, how), "steady"))
    return hits / rounds


def report(rounds: int) -> int:
    """Print everything; 1 when something does not hold."""
    table = Table([])
    print(f"false alarms in {rounds:,} comparisons of identical services, 20 windows of 6 s a side")
    print(f"{'load':<28}" + "".join(f"{name:>14}" for name in RULES))
    for load in loads.LOADS:
        found = false_alarms(rounds, load)
        ours = table.check(f"false alarms, {load}", found.pop("hotgate"), MAX_ALARMS, at_most=True)
        print(f"{load:<28}{ours:>14}" + "".join(f"{value:>13.2%} " for value in found.values()))
    found = false_alarms(max(rounds // 5, 1), "drifting", interleaved=False)
    print(f"{'drifting, one by one (*)':<28}" + "".join(f"{value:>13.2%} " for value in found.values()))
    print("(*) no limit: requests that change for good between the sides cannot be told from a change of the program;")
    print("    collect both sides in turns, as `profile diff URL URL` does\n")
    print("found, at the sample counts a side of the design")
    for share, rows in SHARES.items():
        cells = []
        for growth, samples in rows.items():
            value = detection(max(rounds // 3, 1), share, growth, samples)
            mark = table.check(f"found, {share:.0%} x{growth:g}", value, MIN_FOUND, at_most=False)
            cells.append(f"x{growth:<4g} {samples:>7,}:{mark}")
        print(f"share {share:>4.0%}  " + "  ".join(cells))
    twelve = detection(rounds, 0.05, 2.0, 12_000)
    mark = table.check("found, 5% x2 in 20 windows", twelve, 0.99, at_most=False)
    print(f"a doubled 5% function in 20 windows of 6 s on one core: {mark}\n")
    print("refactorings told as regressions")
    for how in REFACTORINGS:
        value = refactorings(max(rounds // 2, 1), how)
        print(f"{how:<28}{table.check(f'refactoring, {how}', value, MAX_ALARMS, at_most=True):>14}")
    print("\nhard vectors")
    for name, base, new, expected in HARD:
        verdict = judge(base, new).verdict
        if verdict != expected:
            table.failed.append(f"{name}: {verdict}, not {expected}")
        print(f"{name:<40}{verdict}")
    for line in table.failed:
        print(f"does not hold: {line}", file=sys.stderr)
    return int(bool(table.failed))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="what the comparison of profiles can be trusted with")
    parser.add_argument("--rounds", type=int, default=1000, help="comparisons for each load")
    return report(parser.parse_args().rounds)


if __name__ == "__main__":
    sys.exit(main())

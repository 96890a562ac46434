"""goprobe's canary is judged by the watch's formula: shared vectors, which its Go tests read as well."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from gate.watch.config import WatchRule
from gate.watch.exact import excess
from gate.watch.judge import ALPHA, Measured, rule

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "goprobe" / "internal" / "canary" / "testdata" / "exact.json"


def drawn() -> list[dict[str, object]]:
    """The vectors as they were written: edges, and draws from small counts to large ones. `UPDATE` writes them."""
    chance = random.Random(18)
    cases = [(0, 1, 0, 1), (1, 1, 0, 1), (10, 10, 0, 1000), (9, 9, 0, 1000), (10, 10, 10, 10), (5, 100, 500, 10_000)]
    for size in (10, 100, 1000, 100_000, 10_000_000):
        for _ in range(40):
            total, beside = chance.randint(1, size), chance.randint(1, 20 * size)
            rate = 10 ** chance.uniform(-4, 0)
            worse = chance.choice((1, 1, 2, 4, 10))
            bad = min(total, round(chance.gauss(1, 0.2) * worse * rate * total))
            cases.append((max(0, bad), total, min(beside, max(0, round(rate * beside))), beside))
    rows = []
    for bad, total, bad_beside, total_beside in cases:
        times, least = chance.choice((1.5, 3.0)), chance.choice((1, 10))
        own = WatchRule("", "ratio", "prometheus", "", "", "", times, least)
        fires = rule(own, Measured((bad_beside, bad), (total_beside, total))).fires
        rows.append(
            {
                "bad": bad,
                "total": total,
                "bad_beside": bad_beside,
                "total_beside": total_beside,
                "times": times,
                "min_count": least,
                "chance": excess(bad, total, bad_beside, total_beside),
                "fires": fires,
            }
        )
    return rows


def test_the_vectors_are_what_the_formula_gives() -> None:
    kept = json.loads(VECTORS.read_text(encoding="ascii"))
    assert len(kept) > 100
    assert {row["fires"] for row in kept} == {True, False}
    for row in kept:
        sides = row["bad"], row["total"], row["bad_beside"], row["total_beside"]
        assert excess(*sides) == pytest.approx(row["chance"], rel=1e-9, abs=1e-300)
        own = WatchRule("", "ratio", "prometheus", "", "", "", row["times"], row["min_count"])
        found = rule(own, Measured((row["bad_beside"], row["bad"]), (row["total_beside"], row["total"])))
        assert found.fires is row["fires"]


def test_alpha_is_the_same() -> None:
    said = (VECTORS.parents[1] / "exact.go").read_text(encoding="ascii")
    assert f"const Alpha = {ALPHA:.0e}".replace("e-04", "e-4") in said

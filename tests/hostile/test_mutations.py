"""Damaged binaries: random ones, and those that failed once. What may come out is in scripts/truth/fuzz.py."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scripts.truth.fuzz import CORPUS, Outcome, Worker, keep
from scripts.truth.mutations import Recipe, random_recipe
from tests import matrix
from tests.conftest import first

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEPT = sorted(CORPUS.glob("*.json"))
BASES = [
    "go1.19-amd64-exe",
    "go1.21-amd64-pie-cgo",
    "go1.25-amd64-pie",
    "go1.25-arm64-pie-cgo",
    "go1.27-amd64-exe",
    "go1.27-amd64-exe-dwarf",
    "go1.27-amd64-exe-stripped",
    "go1.27-amd64-plugin",
    "go1.27-arm64-exe",
]
"""One of each layout and linkage, so that a test run reads few fixtures."""


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A process under limits: a mutant that hangs or takes all memory ends itself and not the tests."""
    made = Worker(tmp_path_factory.mktemp("worker"))
    yield made
    made.close()


@pytest.mark.parametrize("group", first(1, range(10)))
def test_random_damage(worker: Worker, group: int) -> None:
    """500 mutants in all, in groups that run beside each other; a failing one is shrunk to its smallest seed."""

    @settings(max_examples=50, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(seed=st.integers(group << 32, (group + 1 << 32) - 1))
    def one(seed: int) -> None:
        recipe = random_recipe(random.Random(seed), BASES)
        outcome = worker.run(recipe)
        assert outcome.kind in {"error", "report"}, f"{outcome.detail}\n{recipe.to_json()}"

    one()


@pytest.mark.parametrize("path", first(8, KEPT), ids=lambda path: path.stem)
def test_what_failed_once(worker: Worker, path: Path) -> None:
    outcome = worker.run(Recipe.read(path))
    assert outcome.kind in {"error", "report"}, outcome.detail


def test_an_undamaged_pair_passes(worker: Worker) -> None:
    found = worker.run(Recipe("go1.27-amd64-exe", ()))
    assert (found.kind, found.detail) == ("report", "pass")


@pytest.mark.parametrize("name", first(1, BASES))
def test_truncation_at_every_boundary(worker: Worker, name: str) -> None:
    from scripts.truth.mutations import places  # noqa: PLC0415

    edges = {at + step for at in places(name).boundaries for step in (-1, 0, 1)}
    seen = []
    for size in sorted(edges):
        if not 0 <= size < matrix.unpack(name).stat().st_size:
            continue
        outcome = worker.run(Recipe(name, (("truncate", size),)))
        assert outcome.kind == "error", f"cut to {size}: {outcome}"
        seen.append(outcome.detail)
    assert len(seen) > 20


def test_the_watchdog_bites(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.truth.fuzz.PATIENCE", 0)
    outcome = worker.run(Recipe("go1.27-amd64-exe", ()))
    assert outcome.kind == "failure"
    assert "no answer" in outcome.detail
    monkeypatch.undo()
    assert worker.run(Recipe("go1.27-amd64-exe", ())).kind == "report"


def test_a_kept_recipe_gives_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.truth.fuzz.CORPUS", tmp_path)
    for seed in range(20):
        recipe = random_recipe(random.Random(seed), BASES)
        again = Recipe.read(keep(recipe, Outcome("failure", "why")))
        assert again.apply() == recipe.apply()
        assert (again.old, again.note) == (recipe.old, "why")

"""The bench compares multiples of a floor, round by round, with the run that is recorded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from scripts.measure.bench import HISTORY, PAIRS, SMALL, Command, compare_with_history, record

if TYPE_CHECKING:
    from pathlib import Path


def pair(label: str, seconds: list[float], floor: list[float]) -> Command:
    return Command(label, ["hotgate"], floor=Command("floor", ["python"], seconds=floor), seconds=seconds)


def test_a_multiple_is_the_median_of_the_rounds_and_not_of_the_medians():
    assert pair("a", [2.0, 9.0, 3.0], [1.0, 3.0, 2.0]).multiple == 2.0


def test_what_has_no_floor_or_failed_has_no_multiple():
    failed = pair("a", [1.0], [1.0])
    failed.failure = "exit code 1"
    assert (Command("a", ["hotgate"], seconds=[1.0]).multiple, failed.multiple) == (None, None)


@pytest.mark.parametrize(("seconds", "lines"), [(2.29, 0), (2.31, 1), (1.0, 0)])
def test_what_is_slower_than_recorded_by_fifteen_percent_is_reported(tmp_path: Path, seconds: float, lines: int):
    history = tmp_path / "history.json"
    record([pair("a", [2.0], [1.0]), pair("b", [5.0], [1.0])], history)
    now = [pair("a", [seconds], [1.0]), pair("new", [9.0], [1.0])]
    assert [line.partition(":")[0] for line in compare_with_history(now, history)] == ["slower"] * lines


def test_without_a_record_nothing_is_slower(tmp_path: Path):
    assert compare_with_history([pair("a", [2.0], [1.0])], tmp_path / "none.json") == []


def test_every_pair_of_published_releases_is_recorded():
    recorded = json.loads(HISTORY.read_text("utf-8"))["multiples"]
    pairs = {f"hotgate check {label}" for label, _, _ in PAIRS}
    assert pairs <= set(recorded) <= pairs | {f"hotgate {label}" for label in SMALL}
    assert all(recorded[pair] > 1 for pair in pairs)

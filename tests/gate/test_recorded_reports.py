"""Reports are what they were, to the letter: those of the fixtures, as digests (see `scripts.truth.reports`)."""

from __future__ import annotations

import json

import pytest

from scripts.truth import reports
from scripts.truth.reports import Pair, digests, fixtures, public, recorded, report_of

ANEW = "python -m scripts.truth.reports --write FOLDER shows reports, --record takes them as right"


def test_all_pairs_are_recorded_and_nothing_else() -> None:
    assert set(recorded()) == {str(pair) for pair in (*fixtures(), *public())}


def is_quick(pair: Pair) -> bool:
    """A hotfix differs most where nothing has a name, and of the newest Go; the other pairs are left to `make test-all`."""
    return pair.mode == "plugin" or (
        "go1.27" in pair.new and "cgo" not in pair.new and (pair.mode == "exec" or "stripped" in pair.new)
    )


@pytest.mark.parametrize(
    "pair", [pair if is_quick(pair) else pytest.param(pair, marks=pytest.mark.long) for pair in fixtures()], ids=str
)
def test_a_report_is_what_it_was(pair: Pair) -> None:
    assert digests(report_of(pair)) == recorded()[str(pair)], ANEW


def test_times_version_and_paths_are_no_part_of_it() -> None:
    pair = fixtures()[0]
    report = report_of(pair)
    assert {"created_at", "timings_ms", "tool"}.isdisjoint(report)
    assert (report["old"]["path"], report["new"]["path"]) == (pair.old, pair.new)
    assert str(pair.paths()[0].parent) not in json.dumps(report)


def test_each_letter_of_the_comparison_and_of_the_rest_counts() -> None:
    report = report_of(fixtures()[0])
    before = digests(report)
    report["drift"]["functions"]["changed"][0]["detail"] += " "
    assert digests(report)["drift"] != before["drift"]
    assert digests(report)["rest"] == before["rest"]
    report["verdict"] = "other"
    assert digests(report)["rest"] != before["rest"]


def test_a_pair_that_changed_is_named(monkeypatch, capsys, tmp_path) -> None:
    pair = fixtures()[0]
    path = tmp_path / "reports.json"
    path.write_text(json.dumps({**recorded(), str(pair): {**recorded()[str(pair)], "drift": "0"}}), "utf-8")
    monkeypatch.setattr(reports, "RECORDED", path)
    monkeypatch.setattr("sys.argv", ["reports", "--fixtures", "--only", str(pair)])
    assert reports.main() == 1
    assert f"{pair}: another drift\n" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["reports", "--fixtures", "--only", str(pair), "--record"])
    assert reports.main() == 0
    assert json.loads(path.read_text("utf-8")) == recorded_by_name()


def recorded_by_name() -> dict[str, dict[str, str]]:
    return json.loads((reports.ROOT / "testdata" / "reports.json").read_text("utf-8"))

"""SARIF reports against the official schema, which is fetched: it is not kept here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from gate.report.formats import sarif
from scripts.programs.gobuild import BuildFailed
from scripts.truth.sarif import validator
from tests.conftest import missing
from tests.gate.cases import CASES

if TYPE_CHECKING:
    from jsonschema import Draft4Validator


@pytest.fixture(scope="module")
def official() -> Draft4Validator:
    try:
        return validator()
    except BuildFailed as exc:
        missing(f"python -m scripts.fetch.sarif_schema fetches the official schema of SARIF: {exc}")
        raise


@pytest.mark.parametrize("case", CASES)
def test_a_report_holds(case: str, reporter, official: Draft4Validator) -> None:
    errors = [f"{each.json_path}: {each.message}" for each in official.iter_errors(report(case, reporter))]
    assert errors == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda log: log.pop("runs"),
        lambda log: log.update(version="2.0.0"),
        lambda log: log["runs"][0]["results"][0].update(level="fatal"),
        lambda log: log["runs"][0]["results"][0].pop("message"),
        lambda log: log["runs"][0]["tool"]["driver"].update(unknown=1),
    ],
)
def test_what_is_wrong_does_not_hold(damage, reporter, official: Draft4Validator) -> None:
    log = report("block", reporter)
    damage(log)
    assert not official.is_valid(log)


def report(case: str, reporter) -> dict:
    return json.loads(sarif.render(reporter(CASES[case])))

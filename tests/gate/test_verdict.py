"""The truth table of the verdict."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gate.engine.verdict import blocks, judge
from gate.model import Confidence, EvidenceState, Finding, Outcome, Severity

FINDING = Finding("HG201", "title", Severity.INFO, Confidence.HIGH, "main.f", "message", "remedy", "0" * 16)
OK = (EvidenceState("functions", "ok"), EvidenceState("build", "ok"))
REQUIRE = ("functions", "build")
ORDER = {"pass": 0, "inconclusive": 1, "block": 2}


def verdict(*findings: Finding, evidence=OK, require=REQUIRE, fail_on=Severity.BLOCK):
    return judge([Outcome("HG201", "ran", findings)], evidence, require=require, fail_on=fail_on)


@pytest.mark.parametrize("fail_on", list(Severity))
@pytest.mark.parametrize("severity", list(Severity))
def test_a_finding_blocks_from_fail_on(severity, fail_on):
    expected = "block" if list(Severity).index(severity) >= list(Severity).index(fail_on) else "pass"
    assert verdict(replace(FINDING, severity=severity), fail_on=fail_on).name == expected


@pytest.mark.parametrize(
    ("name", "code", "findings", "evidence"),
    [
        ("pass", 0, (), OK),
        ("block", 10, (replace(FINDING, severity=Severity.BLOCK),), OK),
        ("inconclusive", 11, (), (OK[0],)),
        ("inconclusive", 11, (), (OK[0], EvidenceState("build", "missing", "none"))),
        ("inconclusive", 11, (), (OK[0], EvidenceState("build", "unreadable", "cut"))),
        ("inconclusive", 11, (replace(FINDING, severity=Severity.WARN, verified=False),), OK),
        ("pass", 0, (replace(FINDING, severity=Severity.BLOCK, suppressed=True),), OK),
        ("pass", 0, (replace(FINDING, verified=False, suppressed=True),), OK),
        ("block", 10, (replace(FINDING, severity=Severity.BLOCK),), ()),
        ("block", 10, (replace(FINDING, severity=Severity.BLOCK, verified=False),), OK),
    ],
)
def test_truth_table(name, code, findings, evidence):
    result = verdict(*findings, evidence=evidence)
    assert (result.name, result.exit_code) == (name, code)
    assert bool(result.reasons) is (name != "pass")


def test_evidence_that_nobody_requires_may_be_missing():
    evidence = (*OK, EvidenceState("target", "missing", "another processor"))
    assert verdict(evidence=evidence).name == "pass"
    assert verdict(evidence=evidence, require=("target",)).reasons == ("target missing: another processor",)


def test_a_doubt_does_not_block_at_a_lower_fail_on():
    doubt = replace(FINDING, severity=Severity.WARN, verified=False)
    assert verdict(doubt, fail_on=Severity.INFO).name == "inconclusive"


findings = st.builds(
    replace, st.just(FINDING), severity=st.sampled_from(Severity), verified=st.booleans(), suppressed=st.booleans()
)


@given(st.lists(findings, max_size=5), findings, st.sampled_from(Severity))
def test_one_more_finding_never_makes_the_verdict_better(some, extra, fail_on):
    before, after = verdict(*some, fail_on=fail_on), verdict(*some, extra, fail_on=fail_on)
    assert ORDER[after.name] >= ORDER[before.name]


@pytest.mark.parametrize("accepted", ["suppressed", "known"])
@pytest.mark.parametrize("verified", [True, False])
def test_what_was_accepted_in_either_way_does_not_count(accepted, verified):
    finding = replace(FINDING, severity=Severity.BLOCK, verified=verified, **{accepted: True})
    assert not blocks(finding, Severity.INFO)
    assert verdict(finding, fail_on=Severity.INFO).name == "pass"


def test_evidence_that_was_not_gathered_is_named():
    assert verdict(evidence=OK[:1]).reasons == ("build was not gathered",)

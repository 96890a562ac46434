"""Suppressions: what they cover, and that none outlives its date unnoticed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from gate.cli import cli
from gate.model import Confidence, Finding, Outcome, Severity
from gate.policy.model import Policy, Suppression
from gate.policy.suppressions import suppress
from gate.report.formats import terminal
from gate.rules.samples.binaries import Case, functions, other

FINDING = Finding("HG401", "title", Severity.BLOCK, Confidence.HIGH, "platform", "message", "remedy", "0" * 16)
RULE = Suppression("HG401", "plat*", "moving to arm64", date(2026, 3, 1))


@pytest.mark.parametrize(
    ("rule", "today", "covered", "notice"),
    [
        (RULE, date(2026, 2, 28), True, ""),
        (RULE, date(2026, 3, 1), True, ""),
        (RULE, date(2026, 3, 2), False, "expired on 2026-03-01"),
        (replace(RULE, rule="HG402"), date(2026, 3, 1), False, "covers no finding any more"),
        (replace(RULE, scope="Plat*"), date(2026, 3, 1), False, "covers no finding any more"),
    ],
)
def test_what_a_suppression_covers(rule, today, covered, notice):
    (outcome,), notices = suppress([Outcome("HG401", "ran", (FINDING,))], [rule], today)
    assert outcome.findings[0].suppressed is covered
    assert (len(notices) == 1 and notice in notices[0]) if notice else not notices


def test_a_suppressed_finding_is_shown_and_does_not_block(reporter):
    report = reporter(Case(new=other(arch="arm64"), policy=Policy(suppress=(RULE,), severity={"HG402": "off"})))
    assert report.verdict == "pass"
    assert [finding.suppressed for finding in report.findings] == [True]
    text = terminal.render(report)
    assert "Suppressed by the policy\n  HG401  The exec will fail" in text
    assert "moving to arm64 (until 2026-03-01)" in " ".join(text.split())


def test_undecided_functions_cannot_be_suppressed_away(reporter):
    rule = replace(RULE, rule="HG201", scope="*")
    case = Case(functions=functions(undecided=("main.jump",)), policy=Policy(suppress=(rule,)))
    assert reporter(case).verdict == "inconclusive"


def test_expired_ones_are_told_on_stderr(loaded):
    loaded(Case())
    Path("hotgate.toml").write_text(
        '[[suppress]]\nrule = "HG401"\nscope = "*"\nreason = "x"\nexpires = 2020-01-01\n', "utf-8"
    )
    result = CliRunner(catch_exceptions=False).invoke(cli, ["check", "old", "new"])
    assert result.stderr == "warning: suppression of HG401 for * expired on 2020-01-01 and does nothing\n"
    assert result.stdout.startswith("PASS")


def test_the_first_that_covers_a_finding_gives_reason_and_owner():
    owned = replace(RULE, owner="platform team")
    (outcome,), _ = suppress([Outcome("HG401", "ran", (FINDING,))], [owned, RULE], date(2026, 3, 1))
    suppression = outcome.findings[0].evidence["suppression"]
    assert suppression == {"reason": RULE.reason, "expires": "2026-03-01", "owner": "platform team"}

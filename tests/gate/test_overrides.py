"""What a policy may lower, and what it may not take away by accident."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from gate.engine.judge import run_rules
from gate.evidence.model import Bundle
from gate.model import Mode, Severity
from gate.policy.model import Policy, find_policy_file
from gate.rules.samples.binaries import Case, change, functions

if TYPE_CHECKING:
    from pathlib import Path

    from gate.engine.judgement import Judgement


def judged(case: Case, policy: Policy) -> Judgement:
    bundle = Bundle.gather(case.old, case.new, case.drift(), policy, lambda: case.target)
    return run_rules(bundle, policy, today=date(2026, 1, 1))


def test_lowering_a_rule_leaves_its_protected_packages_protected() -> None:
    policy = Policy(protected_packages=("main",), severity={"HG201": Severity.WARN})
    result = judged(Case(functions=functions(changed=(change(),))), policy)
    assert result.verdict.name == "block"
    severities = {f.severity for f in result.findings() if f.rule == "HG201"}
    assert severities == {Severity.WARN, Severity.BLOCK}


def test_a_hotfix_needs_to_know_the_initialisers() -> None:
    case = Case(init=None, problems={"init": "OLD: stripped"})
    assert judged(case, Policy()).verdict.name == "pass"
    doubt = judged(case, Policy(mode=Mode.HOTFIX)).verdict
    assert doubt.name == "inconclusive"
    assert any("init" in reason for reason in doubt.reasons)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('[tool.hotgate]\nfail_on = "info"\n', True),
        ('[tool]\nhotgate = {fail_on = "info"}\n', True),
        ('[project]\nname = "hotgate"\n', False),
        ('[tool.other]\nnote = "see tool.hotgate"\n', False),
        ("[tool.hotgate\n", True),
    ],
)
def test_a_table_counts_however_it_is_written(text: str, found: bool, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(text, "utf-8")
    assert (find_policy_file(str(tmp_path)) is not None) is found

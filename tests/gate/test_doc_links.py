"""Links from reports to the pages of rules, where the policy says where those are."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from gate.policy.errors import PolicyError, checked_docs_url
from gate.policy.file import load_policy
from gate.report.formats import renderer
from tests.gate.cases import CASES

URL = "https://docs.example.com/hotgate"


def test_sarif_and_html_link_each_rule_to_its_page(reporter) -> None:
    report = reporter(CASES["block"])
    linked = replace(report, policy=replace(report.policy, docs_url=URL))
    driver = json.loads(renderer("sarif").render(linked))["runs"][0]["tool"]["driver"]
    known = [rule for rule in driver["rules"] if "help" in rule]
    assert known
    assert all(rule["helpUri"] == f"{URL}/rules/{rule['id']}/" for rule in known)
    shown = report.findings[0].rule
    assert f'<a href="{URL}/rules/{shown}/">{shown}</a>' in renderer("html").render(linked)
    assert "helpUri" not in renderer("sarif").render(report)


@pytest.mark.parametrize("url", ["javascript:alert(1)", 'https://x/"><script>', "ftp://x", "https://a b", "x"])
def test_an_address_that_is_none_is_an_error_and_never_a_link(url: str, tmp_path, reporter) -> None:
    with pytest.raises(PolicyError, match="docs_url is no http"):
        checked_docs_url(url)
    path = tmp_path / "hotgate.toml"
    path.write_text(f"docs_url = {json.dumps(url)}\n", "utf-8")
    with pytest.raises(PolicyError, match="docs_url"):
        load_policy(str(path))
    report = reporter(CASES["block"])
    forged = replace(report, policy=replace(report.policy, docs_url=url))
    assert "helpUri" not in renderer("sarif").render(forged)


def test_the_policy_says_where(tmp_path) -> None:
    path = tmp_path / "hotgate.toml"
    path.write_text(f'docs_url = "{URL}/"\n', "utf-8")
    assert load_policy(str(path)).docs_url == URL
    assert CASES["block"].policy.docs_url == ""

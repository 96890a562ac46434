"""Data that changed, as it is shown: what is a secret stays one in every format, and the policy can hide all."""

from __future__ import annotations

import json as stdlib_json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from gate.checks.hg210_initial_data import InitialDataChanged
from gate.cli import cli
from gate.model import Mode, Severity
from gate.policy.contract import Contract
from gate.policy.model import DataPolicy, Policy
from gate.report import formats
from gate.rules.samples.binaries import NO_DATA_DRIFT, Case, data_change, embedded_change
from probes.drift.data.facts import UndecidedData
from tests.drift.data_pairs import EDITS, Config, Programs
from tests.gate.cases import CASES

if TYPE_CHECKING:
    from pathlib import Path


def findings(case: Case):
    return InitialDataChanged().outcome(case.bundle()).findings


@pytest.mark.parametrize("format_name", formats.names())
def test_a_secret_is_in_no_format(format_name, reporter):
    text = formats.renderer(format_name).render(reporter(CASES["block"]))
    assert "hunter" not in text
    if format_name in {"terminal", "markdown", "html", "json"}:
        assert "main.rates[2]" in text or '"path": "[2]"' in text
        assert "7 bytes (sha256 " in text


@pytest.mark.parametrize("format_name", formats.names())
def test_without_values_none_is_in_any_format(format_name, reporter):
    change = data_change("main.fee", "", '"visible"', '"altered"')
    data = replace(NO_DATA_DRIFT, variables=(change,), embedded=(embedded_change(diff=("-visible", "+altered")),))
    shown = formats.renderer(format_name).render(reporter(Case(data=data)))
    hidden = formats.renderer(format_name).render(
        reporter(Case(data=data, policy=Policy(data=DataPolicy(values=False))))
    )
    assert "visible" not in hidden
    assert "altered" not in hidden
    assert format_name in {"github", "gitlab", "junit"} or "visible" in shown


def test_the_path_of_a_file_is_no_markup(reporter):
    text = formats.renderer("html").render(reporter(CASES["forged"]))
    assert "<img src=x" not in text


def test_exec_mode_tells_and_does_not_block():
    data = replace(NO_DATA_DRIFT, variables=(data_change(),), embedded=(embedded_change(),))
    found = findings(
        Case(data=data, policy=Policy(protected_packages=("main",), contract=Contract(globals=("main.rates",))))
    )
    assert {each.severity for each in found} == {Severity.INFO}


@pytest.mark.parametrize(
    "policy",
    [Policy(protected_packages=("main",)), Policy(contract=Contract(globals=("main.rates",)))],
    ids=["protected package", "contract"],
)
def test_a_hotfix_must_leave_what_is_protected(policy):
    policy = replace(policy, mode=Mode.HOTFIX)
    data = replace(
        NO_DATA_DRIFT, variables=(data_change(), data_change("main.rates", "[1]"), data_change("other.x", ""))
    )
    blocking = [each.subject for each in findings(Case(data=data, policy=policy)) if each.severity is Severity.BLOCK]
    assert blocking == ["main.rates[2]", "main.rates[1]"]


def test_a_hotfix_with_data_that_was_not_compared_is_not_verified():
    undecided = (UndecidedData("initialised data", "", "it could not be matched"),)
    case = Case(data=replace(NO_DATA_DRIFT, undecided=undecided), policy=Policy(mode=Mode.HOTFIX))
    assert findings(case) == ()
    protected = replace(case.policy, protected_packages=("main",))
    (found,) = findings(replace(case, policy=protected))
    assert not found.verified


def test_an_embedded_file_is_a_warning_in_a_hotfix():
    data = replace(NO_DATA_DRIFT, embedded=(embedded_change(),))
    (found,) = findings(Case(data=data, policy=Policy(mode=Mode.HOTFIX)))
    assert (found.severity, found.message) == (
        Severity.WARN,
        "1 embedded file differs: migrations/004.sql changed (812 → 840 bytes).",
    )


@pytest.fixture(scope="module")
def programs(go_toolchain: Path, tmp_path_factory: pytest.TempPathFactory) -> Programs:
    return Programs(go_toolchain, tmp_path_factory.mktemp("datum"))


def check(programs: Programs, edit: str, *arguments: str, **env: str):
    config = Config()
    paths = [str(programs.path(each, config)) for name in ("nothing", edit) for each in EDITS if each.name == name]
    runner = CliRunner(catch_exceptions=False)
    return runner.invoke(cli, ["check", *paths, *arguments, "--format", "json"], env=env)


@pytest.mark.parametrize(
    ("arguments", "env"), [(["--no-values"], {}), ([], {"HOTGATE_DATA_VALUES": "false"})], ids=["flag", "variable"]
)
def test_values_can_be_hidden_on_the_command_line(arguments, env, programs):
    shown = stdlib_json.loads(check(programs, "string").stdout)["drift"]["data"]["variables"]
    assert [(each["name"], each["old"], each["new"]) for each in shown] == [
        ("example.com/datum/store.Currency", '"usd"', '"eur"')
    ]
    result = check(programs, "string", *arguments, **env)
    (hidden,) = stdlib_json.loads(result.stdout)["drift"]["data"]["variables"]
    assert hidden["hidden"]
    assert hidden["old"].startswith("3 bytes (sha256 ")
    assert "eur" not in result.stdout.replace("Currency", "")

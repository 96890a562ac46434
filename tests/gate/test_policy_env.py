"""Policy from the environment: over the file, under the flags, and nothing unknown."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from gate.cli import cli
from gate.model import Mode, Severity
from gate.policy.environment import LAYERS, apply_environment, check_environment
from gate.policy.errors import PolicyError
from gate.policy.model import DataPolicy, LivePolicy, Policy, ProfilePolicy, Suppression, Thresholds
from gate.rules.samples.binaries import Case, other

FILE = Policy(
    severity={"HG403": Severity.INFO, "HG105": "off"},
    protected_packages=("example.com/pay/...",),
    suppress=(Suppression("HG403", "*", "planned", date(2026, 6, 30)),),
    source="hotgate.toml",
)


@pytest.mark.parametrize(
    ("name", "text", "key", "value"),
    [
        ("HOTGATE_MODE", "hotfix", "mode", Mode.HOTFIX),
        ("HOTGATE_FAIL_ON", "warn", "fail_on", Severity.WARN),
        ("HOTGATE_REQUIRE", " functions  init ", "require", ("functions", "init")),
        ("HOTGATE_SEVERITY", "HG403=block", "severity", {"HG403": Severity.BLOCK, "HG105": "off"}),
        ("HOTGATE_SEVERITY", "HG404=off", "severity", {"HG403": Severity.INFO, "HG105": "off", "HG404": "off"}),
        ("HOTGATE_THRESHOLDS_MAX_CHANGED_FUNCTIONS", "50", "thresholds", Thresholds(max_changed_functions=50)),
        ("HOTGATE_THRESHOLDS_MIN_HEALTH", "70", "thresholds", Thresholds(min_health=70)),
        ("HOTGATE_THRESHOLDS_MIN_HEALTH", "100", "thresholds", Thresholds(min_health=100)),
        ("HOTGATE_LIVE_IN_FLIGHT", "jobs", "live", LivePolicy(in_flight="jobs")),
        ("HOTGATE_LIVE_IN_FLIGHT_LIMIT", "3", "live", LivePolicy(in_flight_limit=3)),
        ("HOTGATE_LIVE_HANDED_OVER", "tcp *:80, unix /s", "live", LivePolicy(handed_over=("tcp *:80", "unix /s"))),
        ("HOTGATE_LIVE_ARGV", "orders -n 'a b'", "live", LivePolicy(argv=("orders", "-n", "a b"))),
        ("HOTGATE_LIVE_EXEC_PATH", "/srv/orders", "live", LivePolicy(exec_path="/srv/orders")),
        ("HOTGATE_LIVE_NEEDED", "calls image", "live", LivePolicy(needed=("calls", "image"))),
        ("HOTGATE_PROFILE_MIN_WINDOWS", "20", "profile", ProfilePolicy(min_windows=20)),
        ("HOTGATE_PROFILE_GROWTH_PERCENT", "25", "profile", ProfilePolicy(growth_percent=25)),
        ("HOTGATE_PROTECTED_PACKAGES", "a/... b", "protected_packages", ("a/...", "b")),
        ("HOTGATE_REQUIRE_SYMBOLS", "true", "require_symbols", True),
        ("HOTGATE_DEBUG_TAGS", "trace invariants", "debug_tags", ("trace", "invariants")),
        ("HOTGATE_DATA_VALUES", "false", "data", DataPolicy(values=False)),
        ("HOTGATE_DOCS_URL", "https://docs.example.com/", "docs_url", "https://docs.example.com"),
        ("HOTGATE_AUDIT", "true", "audit", True),
        ("HOTGATE_STORE", "a.db", "store", "a.db"),
    ],
)
def test_a_variable_replaces_its_key_and_nothing_else(name, text, key, value):
    policy = apply_environment(FILE, {name: text, "HOME": "/"})
    assert getattr(policy, key) == value
    said = {"mode": {"mode", "mode_by"}}.get(key, {key})
    others = [field for field in Policy.__struct_fields__ if field not in said]
    assert [getattr(policy, field) for field in others] == [getattr(FILE, field) for field in others]
    assert apply_environment(FILE, {name: ""}) == FILE


def test_every_key_but_suppressions_and_the_contract_has_a_variable():
    tables = {"thresholds": Thresholds, "live": LivePolicy, "profile": ProfilePolicy, "data": DataPolicy}
    keys = set(Policy.__struct_fields__) - {"source", "mode_by", "suppress", "contract", *tables}
    keys |= {f"{table}_{name}" for table, shape in tables.items() for name in shape.__struct_fields__}
    assert {name.removeprefix("HOTGATE_").lower() for name in LAYERS} == keys


@pytest.mark.parametrize(
    ("name", "text", "message", "hint"),
    [
        ("HOTGATE_MODE", "hot fix", "HOTGATE_MODE: unknown value: hot fix", "did you mean hotfix?"),
        ("HOTGATE_FAIL_ON", "never", "HOTGATE_FAIL_ON: unknown value: never", "info, warn, block"),
        ("HOTGATE_REQUIRE", "simbols", "HOTGATE_REQUIRE: unknown evidence: simbols", "did you mean symbols?"),
        ("HOTGATE_SEVERITY", "HG403", "HOTGATE_SEVERITY: not RULE=SEVERITY: HG403", "HG403=block"),
        ("HOTGATE_SEVERITY", "HG4O3=off", "HOTGATE_SEVERITY: unknown rule: HG4O3", "did you mean HG403?"),
        ("HOTGATE_SEVERITY", "HG403=blok", "HOTGATE_SEVERITY: unknown value: blok", "did you mean block?"),
        ("HOTGATE_THRESHOLDS_MAX_CHANGED_FUNCTIONS", "-1", "HOTGATE_THRESHOLDS_MAX_CHANGED_FUNCTIONS: not a whole", ""),
        ("HOTGATE_THRESHOLDS_MAX_CHANGED_FUNCTIONS", "9" * 5000, "HOTGATE_THRESHOLDS_MAX_CHANGED_FUNCTIONS: not", ""),
        ("HOTGATE_THRESHOLDS_MAX_CHANGED_FUNCTIONS", "9" * 19, "HOTGATE_THRESHOLDS_MAX_CHANGED_FUNCTIONS: not", ""),
        ("HOTGATE_THRESHOLDS_MIN_HEALTH", "101", "HOTGATE_THRESHOLDS_MIN_HEALTH: above 100: 101", ""),
        ("HOTGATE_LIVE_NEEDED", "cals", "HOTGATE_LIVE_NEEDED: unknown topic: cals", "did you mean calls?"),
        ("HOTGATE_LIVE_NEEDED", "?", "HOTGATE_LIVE_NEEDED: unknown topic: ?", "valid names are "),
        ("HOTGATE_SEVERITY", "HG403=off=on", "HOTGATE_SEVERITY: unknown value: off=on", ""),
        ("HOTGATE_DATA_VALUES", "TRUE", "HOTGATE_DATA_VALUES: unknown value: TRUE", "true, false"),
        ("HOTGATE_AUDIT", "no", "HOTGATE_AUDIT: unknown value: no", "true, false"),
        ("HOTGATE_REQUIRE_SYMBOLS", "yes", "HOTGATE_REQUIRE_SYMBOLS: unknown value: yes", "true, false"),
    ],
)
def test_errors_name_the_variable(name, text, message, hint):
    with pytest.raises(PolicyError) as caught:
        apply_environment(FILE, {name: text})
    assert str(caught.value).startswith(message)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("HOTGATE_FAILON", "did you mean HOTGATE_FAIL_ON?"),
        ("HOTGATE_MAX_CHANGED_FUNCTIONS", "did you mean HOTGATE_THRESHOLDS_MAX_CHANGED_FUNCTIONS?"),
        ("HOTGATE_polcy", "did you mean HOTGATE_POLICY?"),
        ("HOTGATE_ZZZ", "valid names are HOTGATE_AUDIT, HOTGATE_BASELINE, HOTGATE_DATA_VALUES"),
        ("HOTGATE_SUPPRESS", "a suppression needs a reason"),
    ],
)
def test_an_unknown_variable_is_an_error(name, hint):
    with pytest.raises(PolicyError, match=f"unknown environment variable: {name}") as caught:
        check_environment({name: "1", "HOTGATE_MODE": "exec", "HOT": "1"})
    assert caught.value.hint.startswith(hint)


def run(*arguments: str, **env: str):
    return CliRunner(catch_exceptions=False).invoke(cli, arguments, env=env)


def test_every_command_refuses_it_and_help_does_not():
    for arguments in (["rules"], ["check", "old", "new"], ["schema"]):
        result = run(*arguments, HOTGATE_FAILON="warn")
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.splitlines()[0] == "error: unknown environment variable: HOTGATE_FAILON"
    assert run("--help", HOTGATE_FAILON="warn").exit_code == 0
    assert run("check", "--help", HOTGATE_FAILON="warn").exit_code == 0


def test_file_then_environment_then_flags(loaded):
    loaded(Case(new=other(stripped=True)))  # HG104, a warning
    Path("hotgate.toml").write_text('[severity]\nHG104 = "block"\n', "utf-8")
    assert run("check", "old", "new").exit_code == 10
    assert run("check", "old", "new", HOTGATE_SEVERITY="HG104=warn").exit_code == 0
    assert run("check", "old", "new", "--fail-on", "warn", HOTGATE_SEVERITY="HG104=warn").exit_code == 10
    bad = run("check", "old", "new", HOTGATE_SEVERITY="HG104=loud")
    assert (bad.exit_code, bad.stderr.splitlines()[0]) == (2, "error: HOTGATE_SEVERITY: unknown value: loud")


@pytest.mark.parametrize(("name", "field"), [("HOTGATE_DATA_VALUES", "data.values"), ("HOTGATE_AUDIT", "audit")])
@pytest.mark.parametrize("value", [True, False])
def test_a_switch_is_set_either_way_whatever_it_was(name, field, value):
    before = replace(FILE, audit=not value, data=DataPolicy(values=not value))
    policy = apply_environment(before, {name: str(value).lower()})
    assert (policy.data.values if field == "data.values" else policy.audit) is value


def test_the_flag_hides_values_and_leaves_them_hidden():
    assert FILE.with_flags(values=False).data == DataPolicy(values=False)
    assert FILE.with_flags(values=True).data == FILE.data
    assert replace(FILE, data=DataPolicy(values=False)).with_flags(values=True).data == DataPolicy(values=False)

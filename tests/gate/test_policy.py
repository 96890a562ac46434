"""Policy files: what they set, and one-line errors for what they cannot mean."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import msgspec
import pytest

from gate.model import Mode, Severity
from gate.policy import refusal
from gate.policy.contract import Contract
from gate.policy.errors import PolicyError
from gate.policy.file import PolicyFile, load_policy
from gate.policy.model import (
    EVIDENCE_NAMES,
    DataPolicy,
    LivePolicy,
    Policy,
    ProfilePolicy,
    Suppression,
    Thresholds,
    find_policy_file,
)

FULL = """
mode = "hotfix"
fail_on = "warn"
require = ["functions", "target"]
protected_packages = ["example.com/pay/..."]
require_symbols = true
debug_tags = ["trace", "invariants"]

[severity]
HG403 = "block"
HG105 = "off"

[thresholds]
max_changed_functions = 50

[[suppress]]
rule = "HG403"
scope = "Go toolchain"
reason = "planned, OPS-12"
expires = 2026-06-30
"""


TWO = """[[suppress]]
rule = 'HG403'
scope = '*'
reason = 'x'
expires = 2026-01-01
[[suppress]]
rule = 'HG404'
scope = '*'
reason = 'y'
"""


def write(text: str, name: str = "hotgate.toml") -> str:
    Path(name).write_text(text, "utf-8")
    return name


def test_every_key():
    assert load_policy(write(FULL)) == Policy(
        mode=Mode.HOTFIX,
        mode_by="hotgate.toml",
        fail_on=Severity.WARN,
        require=("functions", "target"),
        severity={"HG403": Severity.BLOCK, "HG105": "off"},
        thresholds=Thresholds(max_changed_functions=50),
        protected_packages=("example.com/pay/...",),
        require_symbols=True,
        debug_tags=("trace", "invariants"),
        suppress=(Suppression("HG403", "Go toolchain", "planned, OPS-12", date(2026, 6, 30)),),
        source="hotgate.toml",
    )


def test_an_empty_file_is_the_default_policy():
    assert load_policy(write("")) == Policy(source="hotgate.toml")
    fields = set(PolicyFile.__struct_fields__) - {"sidecar", "rehearsal", "host", "fleet"}
    assert fields == {name for name in Policy.__struct_fields__ if name not in ("source", "mode_by")}
    for name in EVIDENCE_NAMES:
        assert load_policy(write(f'require = ["{name}"]\n')).require == (name,)


def test_both_readers_of_a_file_know_the_same_keys():
    tables = {"thresholds": Thresholds, "suppress": Suppression, "contract": Contract, "live": LivePolicy}
    tables |= {"profile": ProfilePolicy, "data": DataPolicy}
    assert list(refusal._PolicyFile.model_fields) == list(PolicyFile.__struct_fields__)
    assert {name: list(model.model_fields) for name, model in refusal.TABLES.items()} == {
        name: list(kind.__struct_fields__) for name, kind in tables.items()
    }


@pytest.mark.parametrize(
    "value",
    ["-1", "0", "1", "2", "60", "100", "101", "1000", "1001", "10000", "10001", "86400", "86401", "5.0", "true", "'5'"],
)
def test_both_readers_of_a_file_draw_the_same_bounds(value):
    for table in (Thresholds, LivePolicy, ProfilePolicy, DataPolicy, Contract):
        section = {Thresholds: "thresholds", LivePolicy: "live", ProfilePolicy: "profile", DataPolicy: "data"}
        for name in table.__struct_fields__:
            given = {section.get(table, "contract"): tomllib.loads(f"{name} = {value}")}
            try:
                second = refusal.read_or_refuse("hotgate.toml", "", "", given)
            except PolicyError:
                with pytest.raises(msgspec.ValidationError):
                    msgspec.convert(given, PolicyFile)
            else:
                assert msgspec.convert(given, PolicyFile) == msgspec.convert(second, PolicyFile)


def test_the_table_in_pyproject():
    path = write('[project]\nname = "shop"\n[tool.hotgate]\nfail_on = "warn"\n', "pyproject.toml")
    assert load_policy(path).fail_on is Severity.WARN


def test_discovery_prefers_the_own_file():
    assert find_policy_file() is None
    write("[project]\n", "pyproject.toml")
    assert find_policy_file() is None
    write("[tool.hotgate]\n", "pyproject.toml")
    assert find_policy_file() == "pyproject.toml"
    write("")
    assert find_policy_file() == "hotgate.toml"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("\nfail_onn = 1\n", "hotgate.toml:2: unknown key fail_onn", "did you mean fail_on?"),
        (
            "[thresholds]\nmax_changed = 1\n",
            "hotgate.toml:2: unknown key thresholds.max_changed",
            "max_changed_functions",
        ),
        ("[limits]\n", "hotgate.toml:1: unknown key limits", "valid keys are mode, fail_on"),
        (
            'mode = "live"\n',
            "hotgate.toml:1: mode: input should be 'exec', 'handoff', 'hotfix' or 'plugin', not 'live'",
            "",
        ),
        (
            'require = ["functoins"]\n',
            "hotgate.toml:1: unknown evidence in require: functoins",
            "did you mean functions?",
        ),
        ("require = 3\n", "hotgate.toml:1: require: input should be a valid list, not 3", ""),
        (
            'require_symbols = "yes"\n',
            "hotgate.toml:1: require_symbols: input should be a valid boolean, not 'yes'",
            "",
        ),
        ("[severity]\nHG2001 = 'warn'\n", "hotgate.toml:2: unknown rule in severity: HG2001", "did you mean HG20"),
        ("[severity]\nHG201 = 'loud'\n", "hotgate.toml:2: severity.HG201: input should be", ""),
        (
            "[thresholds]\nmax_changed_functions = -1\n",
            "hotgate.toml:2: thresholds.max_changed_functions: input should",
            "",
        ),
        ("[thresholds]\nmax_changed_functions = true\n", "hotgate.toml:2: thresholds.max_changed_functions: input", ""),
        (
            "[[suppress]]\nrule = 'HG403'\nscope = '*'\nreason = 'x'\n",
            "hotgate.toml:1: suppress[0].expires is missing",
            "",
        ),
        ("[[suppress]]\nrul = 'HG403'\n", "hotgate.toml:2: unknown key suppress[0].rul", "did you mean rule?"),
        (
            "[[suppress]]\nrule = 'HG403'\nscope = '*'\nreason = ''\nexpires = 2026-01-01\n",
            "hotgate.toml:4: suppress[0].reason: string should have at least 1 character",
            "",
        ),
        (
            "[[suppress]]\nrule = 'HG40'\nscope = '*'\nreason = 'x'\nexpires = 2026-01-01\n",
            "hotgate.toml:2: unknown rule in suppress[0].rule: HG40",
            "did you mean HG4",
        ),
        (
            TWO + "expires = 'soon'\n",
            "hotgate.toml:10: suppress[1].expires: input should be a valid date",
            "2026-12-31",
        ),
        (TWO, "hotgate.toml:6: suppress[1].expires is missing", ""),
        (TWO + "expires = 2026-13-01\n", "hotgate.toml:10: not valid TOML: ", ""),
        ("mode = 'exec'\n[thresholds", "hotgate.toml:2: not valid TOML: ", ""),
        ("require = [\n  'build',\n\n", "hotgate.toml:2: not valid TOML: ", ""),
        ("suppress = [{rule = 'HG403'}]\n", "hotgate.toml:1: suppress[0].scope is missing", ""),
        ("mode = \n", "hotgate.toml:1: not valid TOML: ", ""),
        ('mode = "exec"\nmode = "exec"\n', "hotgate.toml:2: not valid TOML: Cannot overwrite a value", ""),
    ],
)
def test_errors_are_one_line_and_say_where(text, message, hint):
    with pytest.raises(PolicyError) as caught:
        load_policy(write(text))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert hint in caught.value.hint


def test_unreadable_files():
    with pytest.raises(PolicyError, match=r"cannot read the policy \(No such file or directory\): none.toml"):
        load_policy("none.toml")
    Path("bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(PolicyError, match="not UTF-8"):
        load_policy("bytes.toml")


def test_flags_override_and_unknown_evidence_is_refused():
    policy = Policy(mode=Mode.HOTFIX).with_flags(fail_on=Severity.WARN, require=("native",))
    assert (policy.mode, policy.fail_on, policy.require) == (Mode.HOTFIX, Severity.WARN, ("native",))
    assert Policy().with_flags() == Policy()
    with pytest.raises(PolicyError, match="unknown evidence: symbol") as caught:
        Policy().with_flags(require=("symbol",))
    assert caught.value.hint.startswith("did you mean symbols? valid names are functions, types, build")

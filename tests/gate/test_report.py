"""Both renderings of the report, and the schema that the JSON one obeys."""

from __future__ import annotations

import json as stdlib_json
import re
from functools import cache

import jsonschema
import msgspec.json
import pytest
from msgspec.structs import replace

from gate.inflection import package_of
from gate.model import Severity
from gate.policy.model import Policy
from gate.report.formats import json, terminal
from gate.report.models import schema
from gate.report.terminal.console import MIN_WIDTH
from gate.rules.base import discover
from gate.rules.samples.binaries import NO_INIT_DRIFT, Case, change, functions, other, ref
from tests.conftest import first
from tests.gate.cases import CASES


@pytest.mark.parametrize("name", CASES)
def test_terminal_golden(name, reporter, golden):
    case = CASES[name]
    text = terminal.render(reporter(case))
    golden(f"{name}.txt", text)


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("pass", "PASS"), ("block", "BLOCK"), ("inconclusive", "INCONCLUSIVE"), ("undecided", "INCONCLUSIVE")],
)
def test_the_first_line_is_the_answer(name, verdict, reporter):
    assert terminal.render(reporter(CASES[name])).split()[0] == verdict


def test_a_hostile_name_neither_steers_nor_forges(reporter):
    for color in (False, True):
        text = terminal.render(reporter(CASES["hostile"]), color=color)
        assert "\x07" not in text
        assert "\x1b]" not in text
        assert not any(line.startswith("PASS") for line in text.splitlines())
        assert "[bold]" in text
        text.encode("utf-8")
    assert "\x1b" not in terminal.render(reporter(CASES["hostile"]))


@pytest.mark.parametrize("color", [False, True])
def test_no_name_becomes_a_command_of_a_ci_server(color, reporter):
    names = ("::error::owned", "::add-mask::a", "##[group]x", "##vso[task.setvariable]x", "##teamcity[x]", "a ::stop")
    many = tuple(change(name, package=name, detail=name) for name in names)
    case = Case(
        functions=functions(changed=many, added=tuple(map(ref, names))), policy=Policy(protected_packages=("*",))
    )
    for width in (40, 100):
        text = re.sub(r"\x1b\[[0-9;]*m", "", terminal.render(reporter(case), color=color, width=width))
        assert not [line for line in text.splitlines() if line.lstrip().startswith("::")]
        assert not re.search(r"##\w*\[", text)
        assert "\\x3a:error::owned" in text


@pytest.mark.parametrize("width", [20, 40, 72, 200])
def test_no_line_is_wider_than_asked_and_no_word_is_lost(width, reporter):
    text = terminal.render(reporter(CASES["block"]), width=width)
    assert max(map(len, text.splitlines())) <= max(width, MIN_WIDTH)
    assert "example.com/pay/ledger.(*Book).Post" in "".join(text.split())


def test_colour_only_when_asked(reporter):
    assert "\x1b[1;31mBLOCK" in terminal.render(reporter(CASES["block"]), color=True)
    assert "\x1b" not in terminal.render(reporter(CASES["block"]))


def test_what_blocks_depends_on_fail_on(reporter):
    report = reporter(replace(CASES["pass"], new=other(stripped=True), policy=Policy(fail_on=Severity.WARN)))
    assert report.verdict == "block"
    text = terminal.render(report)
    assert text.startswith("BLOCK  1 finding blocks this update\n")
    assert "What blocks this update\n  HG104" in text


def test_thousands_of_changes_stay_readable(reporter):
    many = tuple(change(f"pkg{n % 50}.f{n}") for n in range(4000))
    case = Case(functions=functions(changed=many), policy=Policy(protected_packages=("*",)))
    text = terminal.render(reporter(case))
    assert text.startswith("BLOCK  4,000 findings block this update")
    assert len(text.splitlines()) < 120
    assert "and 3,985 more functions; --format json lists all" in text


@pytest.mark.parametrize(
    ("function", "package"),
    [
        ("main.main", "main"),
        ("a.b/c/d.(*T).M", "a.b/c/d"),
        ("gopkg.in/yaml%2ev3.Unmarshal", "gopkg.in/yaml.v3"),
        ("a/b.F[c/d.E]", "a/b"),
        ("memmove", "memmove"),
    ],
)
def test_package_of_a_symbol_name(function, package):
    assert package_of(function) == package


@cache
def validator() -> jsonschema.Draft202012Validator:
    shape = stdlib_json.loads(schema.shipped())
    jsonschema.Draft202012Validator.check_schema(shape)
    return jsonschema.Draft202012Validator(shape)


def test_the_shipped_schema_is_the_one_of_the_model():
    assert stdlib_json.loads(schema.shipped()) == schema.generate()


def test_the_schema_is_the_same_wherever_msgspec_has_null(monkeypatch):
    described = msgspec.json.schema

    def the_other_way_round(model):
        definitions = described(model)["$defs"]
        turned = [
            prop["anyOf"] for table in definitions.values() for prop in table["properties"].values() if "anyOf" in prop
        ]
        for kinds in turned:
            kinds.reverse()
        assert turned
        return {"$defs": definitions}

    monkeypatch.setattr(msgspec.json, "schema", the_other_way_round)
    assert stdlib_json.loads(schema.shipped()) == schema.generate()


@pytest.mark.parametrize("name", CASES)
def test_every_report_obeys_the_schema(name, reporter):
    validator().validate(stdlib_json.loads(json.render(reporter(CASES[name]))))


@pytest.mark.parametrize("rule", first(20, discover()), ids=lambda rule: rule.id)
def test_every_finding_obeys_the_schema(rule, reporter):
    for case in rule.samples.fires:
        report = stdlib_json.loads(json.render(reporter(case())))
        validator().validate(report)
        assert rule.id in {finding["rule"] for finding in report["findings"]}


def test_the_schema_refuses_what_is_not_a_report(reporter):
    report = stdlib_json.loads(json.render(reporter(CASES["pass"])))
    for wrong in ({**report, "extra": 1}, {**report, "verdict": "fail"}, {**report, "drift": {"functions": None}}):
        with pytest.raises(jsonschema.ValidationError):
            validator().validate(wrong)


def test_json_keys_are_in_the_documented_order(reporter):
    report = stdlib_json.loads(json.render(reporter(CASES["block"])))
    assert list(report) == (
        [
            "schema_version",
            "tool",
            "created_at",
            "mode",
            "policy",
            "verdict",
            "exit_code",
            "old",
            "new",
            "evidence",
            "rules",
            "findings",
            "drift",
            "notices",
            "timings_ms",
        ]
    )
    assert list(report["findings"][0]) == (
        [
            "rule",
            "title",
            "severity",
            "confidence",
            "subject",
            "message",
            "remedy",
            "evidence",
            "location",
            "fingerprint",
            "suppressed",
            "known",
        ]
    )
    assert list(report["drift"]["functions"]) == (
        [
            "old",
            "new",
            "matched",
            "identical",
            "moved",
            "added",
            "removed",
            "renamed",
            "changed",
            "undecided",
            "doubtful",
        ]
    )
    assert list(report["drift"]["functions"]["changed"][0]) == ["name", "package", "kind", "inlined_from", "detail"]
    assert list(report["drift"]) == ["functions", "build", "init", "globals", "data"]
    assert list(report["drift"]["globals"]) == ["added", "removed", "resized", "retyped"]
    assert list(report["drift"]["init"]) == ["old", "new", "added", "removed", "reordered"]
    assert list(report["old"]) == (
        [
            "path",
            "sha256",
            "size",
            "go_version",
            "build_id",
            "goos",
            "goarch",
            "build_settings",
            "main_module",
            "stripped",
            "linkage",
            "integrity",
        ]
    )


def test_undecided_functions_and_initialisers_are_in_the_json(reporter):
    case = Case(
        functions=functions(undecided=("main.jump",)),
        init=replace(NO_INIT_DRIFT, removed=("a.init",), reordered=("main.init",)),
    )
    drift = stdlib_json.loads(json.render(reporter(case)))["drift"]
    assert drift["functions"]["undecided"] == ["main.jump"]
    assert drift["init"] == {"old": 2, "new": 2, "added": [], "removed": ["a.init"], "reordered": ["main.init"]}


def test_sections_without_evidence_are_absent_from_json(reporter):
    report = stdlib_json.loads(json.render(reporter(CASES["inconclusive"])))
    assert report["drift"] == {}
    assert report["exit_code"] == 11
    assert {item["name"]: item["status"] for item in report["evidence"]} == {
        "functions": "missing",
        "types": "ok",
        "build": "missing",
        "symbols": "ok",
        "native": "ok",
        "init": "missing",
        "target": "ok",
        "globals": "missing",
        "data": "missing",
        "integrity": "ok",
    }


def test_json_is_ascii_and_has_no_lone_surrogate(reporter):
    text = json.render(reporter(CASES["hostile"]))
    assert text.isascii()
    assert "\x1b" not in text
    assert stdlib_json.loads(text)["new"]["path"].endswith("\ufffd")


def test_findings_come_heaviest_first(reporter):
    severities = [finding.severity for finding in reporter(CASES["block"]).findings]
    assert severities == sorted(severities, key=["block", "warn", "info"].index)

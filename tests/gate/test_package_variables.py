"""HG206 and the evidence `globals`, from two files to the exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from gate.cli import cli
from gate.engine.judge import required
from gate.model import EvidenceState, Mode, Severity
from gate.policy.model import Policy
from gate.rules.base import discover
from gate.rules.samples.binaries import NO_GLOBAL_DRIFT, Case, other, variable, variable_change
from tests.conftest import first
from tests.drift.variable_pairs import EDITS, OLD_RELEASE, PLAIN, STATE, Config, Programs, everything

if TYPE_CHECKING:
    from pathlib import Path

RULE = next(rule for rule in discover() if rule.id == "HG206")
BY_NAME = {edit.name: edit for edit in EDITS}
FIRES = [edit for edit in EDITS if edit.drift.keys() - {"revalued"}]
QUIET = [edit for edit in EDITS if not edit.drift.keys() - {"revalued"}]


@pytest.fixture(scope="module")
def programs(go_toolchain: Path, tmp_path_factory: pytest.TempPathFactory) -> Programs:
    return Programs(go_toolchain, tmp_path_factory.mktemp("variables"))


def check(old: Path, new: Path, mode: str):
    result = CliRunner(catch_exceptions=False).invoke(
        cli, ["check", str(old), str(new), "--format", "json", "--mode", mode], env={"HOTGATE_DEBUG": "1"}
    )
    assert result.stderr == ""
    report = json.loads(result.stdout)
    assert report["exit_code"] == result.exit_code
    return report


def of_rule(report) -> list[dict]:
    return [each for each in report["findings"] if each["rule"] == "HG206"]


@pytest.mark.parametrize("edit", first(4, FIRES), ids=str)
def test_an_edit_that_must_fire(edit, programs: Programs) -> None:
    old, new = (programs.path(each, PLAIN) for each in (BY_NAME["nothing"], edit))
    report = check(old, new, "hotfix")
    (found,) = of_rule(report)
    assert (found["severity"], report["exit_code"]) == ("block", 10)
    (found,) = of_rule(check(old, new, "exec"))
    assert (found["severity"], found["subject"]) == ("info", "package variables")
    listed = report["drift"]["globals"]
    assert list(listed) == ["added", "removed", "resized", "retyped"]
    for kind in ("added", "removed"):
        assert listed[kind] == [STATE + name for name in edit.drift.get(kind, [])]
    for kind in ("resized", "retyped"):
        assert [each["name"] for each in listed[kind]] == [STATE + n.split()[0] for n in edit.drift.get(kind, [])]


@pytest.mark.parametrize("edit", first(4, QUIET), ids=str)
def test_an_edit_that_must_not_fire(edit, programs: Programs) -> None:
    report = check(*(programs.path(each, PLAIN) for each in (BY_NAME["nothing"], edit)), "hotfix")
    assert of_rule(report) == []
    reason = "types by size and pointers only: neither file has DWARF" if edit.name != "nothing" else ""
    assert {"name": "globals", "status": "ok", "reason": reason} in report["evidence"]
    assert report["drift"]["globals"] == {"added": [], "removed": [], "resized": [], "retyped": []}


def test_a_stripped_hotfix_passes_where_the_variables_are_the_same_by_their_places(programs: Programs) -> None:
    old = programs.path(BY_NAME["nothing"], PLAIN, strip=True)
    report = check(old, programs.path(BY_NAME["value-changed"], PLAIN, strip=True), "hotfix")
    assert (report["verdict"], report["exit_code"]) == ("pass", 0)
    (state,) = [each for each in report["evidence"] if each["name"] == "globals"]
    assert state["status"] == "ok"
    assert state["reason"].endswith("OLD: it has no ELF symbol table (stripped); all variables are where they were")


def test_a_stripped_hotfix_is_no_plain_pass(programs: Programs) -> None:
    old = programs.path(BY_NAME["nothing"], PLAIN, strip=True)
    report = check(old, programs.path(BY_NAME["array-resized"], PLAIN, strip=True), "hotfix")
    assert (report["verdict"], report["exit_code"]) == ("inconclusive", 11)
    (state,) = [each for each in report["evidence"] if each["name"] == "globals"]
    assert state["status"] == "missing"
    assert "by their places the variables cannot be shown to be the same: the section " in state["reason"]
    assert "globals" not in report["drift"]
    report = check(old, programs.path(BY_NAME["array-resized"], PLAIN, strip=True), "exec")
    assert report["verdict"] == "pass"
    assert {"name": "globals", "status": "missing", "reason": "OLD: it has no ELF symbol table (stripped)"} in report[
        "evidence"
    ]


def test_another_release_is_one_line_beside_the_program_s_own(programs: Programs) -> None:
    old = programs.path(BY_NAME["nothing"], Config(release=OLD_RELEASE))
    own, library = of_rule(check(old, programs.path(everything(cgo=False), PLAIN), "exec"))
    assert own["evidence"]["counts"] == {"added": 1, "removed": 1, "resized": 1, "retyped": 1}
    assert library["subject"] == "package variables of the standard library"
    assert sum(library["evidence"]["counts"].values()) > 20
    assert "runtime." not in own["message"] + library["message"]


def test_inspect_counts_them(programs: Programs) -> None:
    path = str(programs.path(BY_NAME["nothing"], PLAIN))
    runner = CliRunner(catch_exceptions=False)
    part = json.loads(runner.invoke(cli, ["inspect", path, "--format", "json"]).stdout)["variables"]
    sizes = [each["bytes"] for each in part["largest"]]
    assert sizes == sorted(sizes, reverse=True)
    assert {each["type"] for each in part["largest"]} == {None}
    assert part["types_problem"] == "the file has no DWARF"
    assert part["total"] > 250
    assert part["bytes"] > sum(sizes)
    text = runner.invoke(cli, ["inspect", path]).stdout
    assert f"{part['total']:,} variables, {part['bytes']:,} bytes" in text
    stripped = str(programs.path(BY_NAME["nothing"], PLAIN, strip=True))
    facts = json.loads(runner.invoke(cli, ["inspect", stripped, "--format", "json"]).stdout)
    assert (facts["variables"], facts["variables_problem"]) == (None, "no ELF symbol table (stripped)")
    assert "no ELF symbol table" in runner.invoke(cli, ["inspect", stripped]).stdout


def findings(case: Case):
    return RULE.outcome(case.bundle()).findings


def test_the_program_s_own_are_named_first_and_the_rest_counted() -> None:
    many = [variable(f"runtime.new{n}") for n in range(40)]
    mine = [variable("example.com/shop/cart.items"), variable("main.started")]
    drift = replace(NO_GLOBAL_DRIFT, added=(*many, variable("example.org/lib.pool"), *mine))
    (found,) = findings(Case(globals=drift))
    assert "43 added (example.com/shop/cart.items, main.started, example.org/lib.pool and 40 more)" in found.message
    own, library = findings(Case(new=other(go_version="go1.27.3"), globals=drift))
    assert "3 added (example.com/shop/cart.items, main.started, example.org/lib.pool)" in own.message
    assert "40 package variables of Go's own library differ: 40 added" in library.message


@pytest.mark.parametrize(
    ("mode", "severity"), [(Mode.EXEC, Severity.INFO), (Mode.PLUGIN, Severity.INFO), (Mode.HOTFIX, Severity.BLOCK)]
)
def test_severity_by_mode(mode: Mode, severity: Severity) -> None:
    drift = replace(NO_GLOBAL_DRIFT, resized=(variable_change("main.limits"), variable_change("runtime.sched")))
    case = Case(new=other(go_version="go1.27.3"), globals=drift, policy=Policy(mode=mode))
    assert [each.severity for each in findings(case)] == [severity, severity]


def test_only_a_hotfix_requires_the_evidence() -> None:
    states = (EvidenceState("globals", "missing", "stripped"),)
    assert "globals" in required(Policy(mode=Mode.HOTFIX), states)
    assert "globals" not in required(Policy(), states)

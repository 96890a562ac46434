"""Baselines: known findings do not block, new ones do, and those that are gone are told."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from gate.cli import cli
from gate.engine.baseline import Baseline, Known, UnreadableBaseline, load_baseline, mark
from gate.model import Confidence, Finding, Outcome, Severity
from gate.policy.model import Policy
from gate.report import formats
from gate.report.models import schema
from gate.rules.samples.binaries import HEALTH, Case, build, change, functions, other
from tests.gate.sarif_shape import SHAPE

BEFORE = Case(new=other(arch="arm64", stripped=True, build=build(settings={"-race": "true"})))
SAME = replace(BEFORE, new=replace(BEFORE.new, sha256="c" * 64))
FEWER = replace(BEFORE, new=other(arch="arm64"))
MORE = replace(BEFORE, functions=functions(changed=(change(),)), policy=Policy(protected_packages=("main",)))


def run(*arguments: str, **env: str):
    return CliRunner(catch_exceptions=False).invoke(cli, arguments, env=env)


@pytest.fixture
def known(loaded) -> dict:
    """Writes a baseline of BEFORE to known.json."""
    loaded(BEFORE)
    assert run("check", "old", "new", "--output", "json=r.json").exit_code == 10
    result = run("baseline", "write", "r.json", "-o", "known.json")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    return json.loads(Path("known.json").read_text("utf-8"))


def check(*arguments: str):
    result = run("check", "old", "new", "--baseline", "known.json", "--format", "json", *arguments)
    return result.exit_code, json.loads(result.stdout)


def test_a_baseline_has_what_could_block(known):
    assert {each["rule"] for each in known["known"]} == {"HG104", "HG401", "HG406"}
    assert run("baseline", "write", "r.json").stdout == Path("known.json").read_text("utf-8")


def test_known_findings_do_not_block(known, loaded):
    loaded(SAME)
    code, report = check()
    assert (code, report["verdict"]) == (0, "pass")
    marked = {finding["rule"] for finding in report["findings"] if finding["known"]}
    assert marked == {each["rule"] for each in known["known"]}
    assert report["baseline"] == {"source": "known.json", "fixed": []}
    assert run("check", "old", "new", HOTGATE_BASELINE="known.json").exit_code == 0


@pytest.mark.usefixtures("known")
def test_new_findings_block(loaded):
    loaded(MORE)
    Path("hotgate.toml").write_text('protected_packages = ["main"]\n', "utf-8")
    code, report = check()
    assert code == 10
    blocking = {f["subject"] for f in report["findings"] if f["severity"] == "block" and not f["known"]}
    assert blocking == {"main.rate"}


@pytest.mark.usefixtures("known")
def test_what_is_gone_is_fixed(loaded):
    loaded(FEWER)
    code, report = check()
    assert code == 0
    assert [each["rule"] for each in report["baseline"]["fixed"]] == ["HG104", "HG406"]
    text = run("check", "old", "new", "--baseline", "known.json").stdout
    assert text.startswith("PASS  nothing blocks this update (1 known, 2 fixed)\n")
    assert "Fixed since the baseline\n  HG104 " in text
    assert "Known from the baseline\n  HG401 " in text


FINDING = Finding("HG201", "t", Severity.BLOCK, Confidence.HIGH, "main.f", "m", "r", "0" * 16)
BASELINE = Baseline("known.json", (Known("HG201", "main.f", "0" * 16),))


def test_doubts_and_suppressed_findings_are_never_known():
    for finding in (replace(FINDING, verified=False), replace(FINDING, suppressed=True)):
        (outcome,), fixed = mark([Outcome("HG201", "ran", (finding,))], BASELINE)
        assert not outcome.findings[0].known
        assert fixed == ()
    (outcome,), _ = mark([Outcome("HG201", "ran", (FINDING,))], BASELINE)
    assert outcome.findings[0].known


def test_doubts_are_not_written(loaded):
    loaded(Case(new=other(health=replace(HEALTH, unverifiable="newer")), functions=None))
    assert run("check", "old", "new", "--output", "json=r.json").exit_code == 11
    assert json.loads(run("baseline", "write", "r.json").stdout)["known"] == []


@pytest.mark.parametrize("status", ["no-evidence", "off"])
def test_a_rule_that_did_not_run_fixed_nothing(status):
    assert mark([Outcome("HG201", status)], BASELINE)[1] == ()
    assert mark([Outcome("HG201", "ran")], BASELINE)[1] == BASELINE.known


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("case", [SAME, FEWER])
@pytest.mark.parametrize("name", formats.names())
def test_every_format_from_a_saved_report(name, case, loaded):
    loaded(case)
    direct = run("check", "old", "new", "--baseline", "known.json", "--format", name, "--output", "json=now.json")
    again = run("render", "now.json", "--format", name)
    assert again.stdout_bytes == direct.stdout_bytes
    report = json.loads(Path("now.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(json.loads(schema.shipped())).validate(report)
    if name == "sarif":
        log = json.loads(direct.stdout)
        jsonschema.Draft202012Validator(SHAPE).validate(log)
        states = [result["baselineState"] for result in log["runs"][0]["results"]]
        assert states.count("absent") == len(report["baseline"]["fixed"])
        assert states.count("unchanged") == sum(finding["known"] for finding in report["findings"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Expecting value"),
        (b"[]", "not a JSON object"),
        (b"{}", "key 'created_at' is missing"),
        (b'{"schema_version": "2", "created_at": "", "known": []}', "its schema_version is '2'"),
        (b'{"schema_version": "1", "created_at": "", "known": {}}', "known is not a list"),
        (b'{"schema_version": "1", "created_at": "", "known": [], "more": 1}', "unknown key 'more'"),
        (b'{"schema_version": "1", "created_at": "", "known": [1]}', "known[0]: not a JSON object"),
        (
            b'{"schema_version": "1", "created_at": "", "known": [{"rule": "HG1", "subject": "", "fingerprint": ""}]}',
            "known[0]: rule is not one",
        ),
        (b"[" * 500_000, "recursion"),
    ],
)
def test_what_is_no_baseline(content, words, loaded):
    loaded(BEFORE)
    Path("known.json").write_bytes(content)
    result = run("check", "old", "new", "--baseline", "known.json")
    assert (result.exit_code, result.stdout) == (2, "")
    error, hint = result.stderr.splitlines()
    assert error.startswith("error: not a baseline (")
    assert words in error
    assert "hotgate baseline write" in hint


def test_files_that_cannot_be_read_or_would_be_overwritten(known, loaded):
    assert known
    loaded(SAME)
    with pytest.raises(UnreadableBaseline, match="cannot read the baseline"):
        load_baseline("none.json")
    for arguments in (
        ["check", "old", "new", "--baseline", "known.json", "--output", "json=known.json"],
        ["baseline", "write", "r.json", "-o", "./r.json"],
    ):
        result = run(*arguments)
        assert result.exit_code == 2
        assert "would overwrite the" in result.stderr
    assert run("baseline", "write", "r.json", "-o", "no/such/file").exit_code == 2

"""Saved reports: read back, or refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from gate.cli import cli
from gate.report import saved
from gate.report.formats import json as json_format
from tests.gate.cases import CASES


def render(*arguments: str):
    return CliRunner(catch_exceptions=False).invoke(cli, ["render", *arguments])


@pytest.fixture
def report(reporter) -> dict:
    """A saved report as plain data; `write` puts it into r.json."""
    return json.loads(json_format.render(reporter(CASES["block"])))


def write(shape: object) -> None:
    Path("r.json").write_text(json.dumps(shape), "utf-8")


@pytest.mark.parametrize("case", CASES)
def test_the_exit_code_does_not_depend_on_the_verdict(case, reporter):
    text = json_format.render(reporter(CASES[case]))
    Path("r.json").write_text(text, "utf-8")
    result = render("r.json", "--format", "json")
    assert (result.exit_code, result.stdout, result.stderr) == (0, text, "")


def refused(words: str) -> None:
    result = render("r.json")
    assert (result.exit_code, result.stdout) == (2, ""), result.stderr
    error, hint = result.stderr.splitlines()
    assert error.startswith("error: ")
    assert error.endswith(": r.json")
    assert words in error
    assert len(error) < 300
    assert "hotgate check --format json" in hint


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Expecting value"),
        (b"\xff\xfe\x00", "codec can't decode"),
        (b"\x7fELF\x02\x01\x01", "Expecting value"),
        (b"[]", "not a JSON object"),
        (b"{}", "it has no schema_version"),
        (b'{"schema_version": "2"}', "its schema_version is '2', and this hotgate reads '1'"),
        (b'{"schema_version": "1"}', "required field `tool`"),
        (b"[" * 500_000, "recursion"),
        (b'{"schema_version": NaN}', "NaN is no JSON number"),
        (b"9" * 10_000, "limit"),
    ],
)
def test_what_is_no_report(content, words):
    Path("r.json").write_bytes(content)
    refused(words)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("extra", 1, "unknown field `extra`"),
        ("old.extra", 1, "unknown field `extra` - at `$.old`"),
        ("verdict", "fail", "Invalid enum value 'fail' - at `$.verdict`"),
        ("verdict", "pass", "exit_code: 10 does not stand for pass"),
        ("exit_code", "10", "Expected `int`, got `str` - at `$.exit_code`"),
        ("old.size", -1, "old.size: it is negative"),
        ("old.size", 1.5, "Expected `int`, got `float` - at `$.old.size`"),
        ("new.sha256", "../../etc/passwd", "new.sha256: it does not match"),
        ("created_at", "<script>", "created_at: it does not match"),
        ("timings_ms.total", "fast", "Expected `float`, got `str` - at `$.timings_ms"),
        ("findings.0.rule", "HG2O1", "findings.0.rule: it does not match"),
        ("findings.0.severity", "fatal", "'fatal' - at `$.findings[0].severity`"),
        ("findings.0.fingerprint", "x", "findings.0.fingerprint: it does not match"),
        ("findings.0.suppressed", "no", "Expected `bool`, got `str` - at `$.findings[0].suppressed`"),
        ("policy.fail_on", "never", "'never' - at `$.policy.fail_on`"),
        ("rules.0.status", "skipped", "'skipped' - at `$.rules[0].status`"),
    ],
)
def test_what_no_report_says(path, value, words, report):
    *parents, last = path.split(".")
    at = report
    for name in parents:
        at = at[int(name)] if isinstance(at, list) else at[name]
    at[last] = value
    write(report)
    refused(words)


def test_deep_evidence_is_no_crash(report):
    report["findings"][0]["evidence"] = {"x": "HERE"}
    text = json.dumps(report).replace('"HERE"', "[" * 5000 + "]" * 5000)
    Path("r.json").write_text(text, "utf-8")
    refused("recursion")


def test_a_large_file_is_not_read_whole(monkeypatch, report):
    monkeypatch.setattr(saved, "MAX_BYTES", 1000)
    write(report)
    refused("larger than 64 MiB")


def test_what_cannot_be_read():
    result = render("none.json")
    assert (result.exit_code, result.stderr) == (
        2,
        "error: cannot read the report (No such file or directory): none.json\n",
    )
    assert render(".").exit_code == 2


def test_a_report_is_not_replaced_by_what_is_made_of_it(report):
    write(report)
    result = render("r.json", "--output", "html=./r.json")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: the report would overwrite the report that is read: ./r.json\n")


def test_a_rule_that_this_hotgate_does_not_know(report):
    report["findings"][0]["rule"] = "HG999"
    report["rules"].append({"rule": "HG998", "status": "off", "reason": ""})
    write(report)
    for name in ("sarif", "junit", "markdown", "html", "terminal", "github", "gitlab"):
        assert render("r.json", "--format", name).exit_code == 0
    rules = json.loads(render("r.json", "--format", "sarif").stdout)["runs"][0]["tool"]["driver"]["rules"]
    assert {"HG998", "HG999"} <= {rule["id"] for rule in rules}

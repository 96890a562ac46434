"""Every format: its own rules of form, hostile names, and that it agrees with the verdict."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from click.testing import CliRunner
from markdown_it import MarkdownIt
from msgspec.structs import replace

from gate.cli import cli
from gate.policy.model import Policy
from gate.report import formats
from gate.rules.samples.binaries import Case, change, functions
from tests.gate.cases import CASES, FORGED
from tests.gate.sarif_shape import SHAPE

NAMES = [name for name in formats.names() if name not in {"terminal", "json"}]
SUFFIX = {"sarif": "sarif", "junit": "xml", "gitlab": "json", "markdown": "md", "html": "html", "github": "txt"}
RULES_SHOWN = {"HG103", "HG201", "HG402"}
"""Rules that a golden report lists besides those with findings: a new rule must not rewrite all of them."""


def rendered(name: str, report) -> str:
    return formats.renderer(name).render(report)


def test_formats_are_found_by_their_files():
    assert formats.names()[:2] == ("terminal", "json")
    assert {"sarif", "junit", "github", "gitlab", "markdown", "html"} <= set(formats.names())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", ["pass", "block", "inconclusive", "suppressed", "hostile", "forged"])
def test_golden(name, case, reporter, golden):
    report = reporter(CASES[case])
    shown = RULES_SHOWN | {finding.rule for finding in report.findings}
    report = replace(report, rules=[item for item in report.rules if item.rule in shown])
    golden(f"{name}/{case}.{SUFFIX[name]}", rendered(name, report))


@pytest.mark.parametrize("name", formats.names())
@pytest.mark.parametrize("case", CASES)
def test_a_saved_report_renders_byte_for_byte_as_the_run_did(name, case, loaded):
    loaded(CASES[case])
    (Path("hotgate.toml")).write_text(policy_text(CASES[case].policy), "utf-8")
    runner = CliRunner(catch_exceptions=False)
    direct = runner.invoke(cli, ["check", "old", "new", "--format", name, "--output", "json=r.json"])
    again = runner.invoke(cli, ["render", "r.json", "--format", name, "--output", f"{name}=again"])
    assert (again.exit_code, again.stderr) == (0, "")
    assert again.stdout_bytes == direct.stdout_bytes
    assert Path("again").read_bytes() == direct.stdout_bytes


def policy_text(policy: Policy) -> str:
    lines = [f'mode = "{policy.mode}"', f"protected_packages = {list(policy.protected_packages)!r}"]
    if policy.thresholds.max_changed_functions is not None:
        lines.append(f"thresholds.max_changed_functions = {policy.thresholds.max_changed_functions}")
    lines += [f'severity.{rule} = "{setting}"' for rule, setting in policy.severity.items()]
    for each in policy.suppress:
        lines += ["[[suppress]]", f'rule = "{each.rule}"', f'scope = "{each.scope}"', f'reason = "{each.reason}"']
        lines.append("expires = 2999-12-31")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", CASES)
def test_text_is_utf_8_and_shows_no_control_character(name, case, reporter):
    text = rendered(name, reporter(CASES[case]))
    text.encode("utf-8")
    assert text.endswith("\n")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\ufffe\ud800-\udfff]", text)


@pytest.mark.parametrize("case", CASES)
def test_sarif_has_the_shape_of_the_standard(case, reporter):
    report = reporter(CASES[case])
    log = json.loads(rendered("sarif", report))
    jsonschema.Draft202012Validator(SHAPE).validate(log)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules) >= len(report.rules)
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    assert len(run["results"]) == len(report.findings)
    (invocation,) = run["invocations"]
    assert invocation["exitCode"] == report.exit_code
    assert invocation["executionSuccessful"] == (report.verdict != "inconclusive")
    assert (report.verdict == "block") == any(r["level"] == "error" and not r["suppressions"] for r in run["results"])


def test_sarif_places_a_finding_on_a_function(reporter):
    case = Case(
        functions=functions(changed=(change(file="example.com/shop/internal/a b.go", line=7),)),
        policy=Policy(protected_packages=("main",)),
    )
    results = json.loads(rendered("sarif", reporter(case)))["runs"][0]["results"]
    (result,) = [each for each in results if each["level"] == "error"]
    (location,) = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "internal/a%20b.go"},
        "region": {"startLine": 7},
    }
    assert location["logicalLocations"] == [{"fullyQualifiedName": "main.rate", "kind": "function"}]


def test_sarif_fingerprints_survive_a_rebuild(reporter):
    def prints(sha: str):
        case = replace(CASES["block"], new=replace(CASES["block"].new, sha256=sha * 64, size=7, path="elsewhere"))
        run = json.loads(rendered("sarif", reporter(case)))["runs"][0]
        return [result["partialFingerprints"] for result in run["results"]]

    assert prints("c") == prints("d")


def test_sarif_says_why_a_finding_was_suppressed(reporter):
    run = json.loads(rendered("sarif", reporter(CASES["suppressed"])))["runs"][0]
    (result,) = [each for each in run["results"] if each["suppressions"]]
    assert result["suppressions"][0]["justification"] == "moving to arm64 (until 2026-06-30)"


def test_sarif_messages_hold_no_placeholder_and_no_link(reporter):
    run = json.loads(rendered("sarif", reporter(CASES["forged"])))["runs"][0]
    texts = [result["message"]["text"] for result in run["results"]]
    assert any("{{0}}" in text for text in texts)
    assert not any("](" in text for text in texts)
    assert not any(set(text.replace("{{", "").replace("}}", "")) & set("{}") for text in texts)


@pytest.mark.parametrize("case", CASES)
def test_junit_agrees_with_the_verdict(case, reporter):
    report = reporter(CASES[case])
    root = ET.fromstring(rendered("junit", report))  # noqa: S314 - our own text
    (suite,) = root
    tests = suite.findall("testcase")
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        found = len(suite.findall(f"testcase/{tag}"))
        assert suite.get(attribute) == root.get(attribute) == str(found)
    assert suite.get("tests") == str(len(tests)) == str(len(report.rules) + len(report.evidence))
    assert (suite.get("failures") != "0") == (report.verdict == "block")
    if report.verdict != "block":
        assert (suite.get("errors") != "0") == (report.verdict == "inconclusive")
    assert all(len(test.findall("failure") + test.findall("error") + test.findall("skipped")) <= 1 for test in tests)
    assert len({(test.get("classname"), test.get("name")) for test in tests}) == len(tests)


def test_junit_skips_rules_that_could_not_run(reporter):
    suite = ET.fromstring(rendered("junit", reporter(CASES["inconclusive"])))[0]  # noqa: S314 - our own text
    skipped = {test.get("name").split()[0] for test in suite.findall("testcase[skipped]")}
    assert {"HG201", "HG407"} <= skipped
    assert "HG402" in {
        test.get("name").split()[0]
        for test in ET.fromstring(rendered("junit", reporter(CASES["suppressed"])))[0].findall("testcase[skipped]")  # noqa: S314
    }


COMMAND = re.compile(r"::(error|warning|notice) ((?:file=[^,:]*,(?:line=\d+,)?)?title=[^,:]*)::(.*)")


@pytest.mark.parametrize("case", CASES)
def test_every_line_is_one_workflow_command(case, reporter):
    report = reporter(CASES[case])
    lines = rendered("github", report).removesuffix("\n").split("\n")
    matches = [COMMAND.fullmatch(line) for line in lines]
    assert all(matches)
    shown = [finding for finding in report.findings if not finding.suppressed]
    gaps = [e for e in report.evidence if e.status != "ok" and e.name in report.policy.require]
    assert len(lines) == 1 + len(shown) + len(gaps)
    assert (report.verdict == "pass") == all(match[1] != "error" for match in matches)
    assert not any(re.search("%(?!25|3A|2C)", line) for line in lines)


@pytest.mark.parametrize("case", CASES)
def test_gitlab_has_unique_fingerprints_and_relative_paths(case, reporter):
    report = reporter(CASES[case])
    entries = json.loads(rendered("gitlab", report))
    assert len({entry["fingerprint"] for entry in entries}) == len(entries)
    for entry in entries:
        assert list(entry) == ["description", "check_name", "fingerprint", "severity", "location"]
        assert entry["severity"] in {"info", "minor", "major", "critical", "blocker"}
        assert entry["location"]["lines"]["begin"] >= 1
    assert (report.verdict == "block") == any(entry["severity"] == "blocker" for entry in entries)
    if report.verdict == "inconclusive":
        assert any(entry["severity"] == "critical" for entry in entries)


def test_gitlab_tells_equal_fingerprints_apart(reporter):
    report = reporter(CASES["block"])
    twice = replace(report, findings=[*report.findings, *report.findings])
    entries = json.loads(rendered("gitlab", twice))
    assert len({entry["fingerprint"] for entry in entries}) == len(entries)


@pytest.mark.parametrize("case", CASES)
def test_markdown_has_no_markup_but_ours(case, reporter):
    tokens = MarkdownIt("commonmark").enable("table").parse(rendered("markdown", reporter(CASES[case])))
    inline = [child for token in tokens for child in token.children or ()]
    assert not {token.type for token in inline} & {"html_inline", "link_open", "image", "em_open"}
    for block in (token.content for token in tokens if token.type == "html_block"):
        assert re.fullmatch(r"<details><summary>[A-Z][a-z ]+( \([\d,]+\))?</summary>\n|</details>\n", block)
    headings = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]
    assert headings[0] == f"hotgate: {reporter(CASES[case]).verdict.upper()}"
    assert set(headings[1:]) <= {"What blocks this update", "What could not be verified", "Warnings", "Functions"}


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("case", CASES)
def test_html_brings_all_along_and_nothing_else(case, reporter):
    text = rendered("html", reporter(CASES[case]))
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    assert not set(page.tags) & {"script", "img", "link", "a", "iframe", "base", "form", "object", "svg"}
    assert page.attributes <= {"lang", "charset", "http-equiv", "content", "name", "class", "scope"}
    assert "url(" not in text
    assert "@import" not in text
    assert page.tags.count("h1") == 1
    assert page.tags.index("h1") < page.tags.index("h2")
    assert "prefers-color-scheme: dark" in text


@pytest.mark.parametrize("name", ["terminal", "markdown", "html"])
def test_how_new_replaces_old_stands_in_the_first_lines(name, reporter):
    text = rendered(name, reporter(CASES["handed-off"])).partition("<header>")[2] or rendered(
        name, reporter(CASES["handed-off"])
    )
    first = " ".join(text.replace("\\", "").split()[:60])
    assert "mode handoff" in first
    assert "OLD calls github.com/cloudflare/tableflip.New" in first.replace("&#8203;", "").replace("`", "")


def test_the_forged_name_is_shown_as_text(reporter):
    report = reporter(CASES["forged"])
    assert FORGED.startswith("]]></script>")
    assert "&lt;/script&gt;&lt;img" in rendered("html", report)
    assert "%250A%3A%3Aerror" not in rendered("junit", report)
    assert "%250A::error" in rendered("github", report)


def test_thousands_of_findings_stay_readable(reporter):
    many = tuple(change(f"pkg{n % 50}.f{n}") for n in range(4000))
    report = reporter(Case(functions=functions(changed=many), policy=Policy(protected_packages=("*",))))
    for name, limit in (("markdown", 100_000), ("junit", 100_000), ("github", 100_000)):
        text = rendered(name, report)
        assert len(text) < limit
        assert "more" in text


def luminance(color: str) -> float:
    """Relative luminance of `#rrggbb` or `#rgb` (WCAG 2.2, definitions)."""
    digits = color.removeprefix("#")
    digits = "".join(char * 2 for char in digits) if len(digits) == 3 else digits
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_html_can_be_read_in_both_schemes(scheme):
    style = formats.renderer("html").STYLE
    light, dark = style.split("@media (prefers-color-scheme: dark)")
    colors = dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6})", light if scheme == "light" else dark.split("body {")[0]))
    assert set(colors) == {"ground", "text", "dim", "line", "soft", "pass", "block", "inconclusive", "info"}
    for ground in ("ground", "soft"):
        for name in ("text", "dim", "pass", "block", "inconclusive", "info"):
            dim, bright = sorted((luminance(colors[name]), luminance(colors[ground])))
            assert (bright + 0.05) / (dim + 0.05) >= 4.5, (name, ground)

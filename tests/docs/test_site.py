"""The documentation: it is complete, it is built, and it says what the program says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gate.rules.base import discover
from scripts.docs import commands, messages, rules, site

ROOT = Path(__file__).parents[2]


def test_every_command_and_option_is_in_the_reference() -> None:
    page = commands.page()
    for path, command, _ in commands.everything():
        assert f"# {path}\n" in page
        for parameter in command.params:
            for option in (each for each in parameter.opts if each.startswith("--")):
                assert option in page, f"{path} {option}"


def test_every_rule_has_a_page_with_all_that_explain_says() -> None:
    pages = rules.pages()
    for rule in discover():
        page = pages[f"rules/{rule.id}.md"]
        assert f"[{rule.id}]({rule.id}.md)" in pages["rules/index.md"]
        for text in (rule.explanation.what, rule.explanation.why, rule.explanation.example, rule.explanation.remedy):
            assert text in page
    assert {page.removeprefix("rules/")[2] for page in pages if "HG" in page} <= set(rules.FAMILIES)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["check", "missing", "missing"], "no such file"),
        (["check", str(ROOT / "README.md"), str(ROOT / "README.md")], "not an ELF file"),
        (["render", str(ROOT / "README.md")], "not a report"),
        (["explain", "HG999"], "unknown rule"),
    ],
)
def test_an_error_is_found_by_its_text(argv: list[str], words: str) -> None:
    done = subprocess.run([sys.executable, "-m", "gate", *argv], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 2
    assert words in done.stderr
    said = done.stderr.splitlines()[0].removeprefix("error: ")
    patterns = [re.escape(message).replace("…", ".*") for message, _ in messages.found()]
    assert [pattern for pattern in patterns if re.match(pattern, said)], said


def test_nothing_of_the_readme_is_longer_than_it_should_be() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 200


def test_a_page_that_the_navigation_does_not_have_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    for name in ("a.md", "b.md", "rules/HG101.md"):
        (tmp_path / name).write_text("# x\n", "utf-8")
    assert site.unlisted("nav:\n  - a.md\n", tmp_path) == ["b.md"]


@pytest.mark.long
def test_the_site_is_built_and_every_link_leads_somewhere() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.docs.site"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "every link leads somewhere" in done.stdout

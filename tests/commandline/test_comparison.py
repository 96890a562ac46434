"""A command line held against definitions of both sides."""

from __future__ import annotations

import pytest

from probes.commandline import comparison
from probes.commandline.comparison import compare
from probes.commandline.facts import Definitions
from probes.errors import MalformedTable

PLAIN = Definitions("flag", {"listen": True, "v": False})
RENAMED = Definitions("flag", {"address": True, "v": False})
COBRA = Definitions("pflag", {"listen": True}, {"v": False}, nested=True)


def held(monkeypatch: pytest.MonkeyPatch, old, new, line: str):
    answers = iter((old, new))

    def read(_facts: object):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(comparison, "read_definitions", read)
    return compare(None, None, line.split(), "test")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("old", "new", "gone"),
    [
        ((PLAIN,), (PLAIN,), {}),
        ((PLAIN,), (RENAMED,), {"-listen": ""}),
        ((PLAIN,), (), {"-listen": "by no library", "-v": "by no library"}),
        ((PLAIN,), (COBRA,), {"-listen": "by pflag, OLD by flag", "-v": "by pflag, OLD by flag"}),
        ((PLAIN,), (RENAMED, COBRA), {"-listen": "NEW defines it by pflag"}),
        ((PLAIN, COBRA), (RENAMED, COBRA), {"-listen": "NEW defines it by pflag"}),
        ((PLAIN,), (Definitions("flag", {"v": False}, gaps=("a name that f computes",)),), {"-listen": "a name that f computes"}),
        ((PLAIN,), (Definitions("flag", {"v": False}, lenient=("main goes on",)),), {"-listen": "main goes on"}),
        ((), (RENAMED,), {}),
    ],
)  # fmt: skip
def test_what_new_does_not_take(monkeypatch, old, new, gone):
    facts = held(monkeypatch, old, new, "orders -listen :80 -v")
    assert {each.flag: each.doubts[0] if each.doubts else "" for each in facts.gone}.keys() == gone.keys()
    for each in facts.gone:
        assert gone[each.flag] in (each.doubts[0] if each.doubts else "")
        assert bool(each.doubts) == bool(gone[each.flag])


def test_what_cannot_be_read_is_a_problem(monkeypatch):
    facts = held(monkeypatch, (PLAIN,), MalformedTable("its types are damaged"), "orders -listen :80")
    assert (facts.problem, facts.gone) == ("its types are damaged", ())


def test_only_new_names_are_told_where_one_is_lost(monkeypatch):
    assert held(monkeypatch, (PLAIN,), (RENAMED,), "orders -listen x").fresh == ("-address",)
    assert held(monkeypatch, (PLAIN,), (RENAMED,), "orders -v").fresh == ()


def test_a_command_line_without_flags_reads_nothing(monkeypatch):
    facts = held(monkeypatch, AssertionError(), AssertionError(), "orders serve - x")
    assert (facts.words, facts.used, facts.unknown) == (3, (), 0)

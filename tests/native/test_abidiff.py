"""What abidiff adds to HG306, and what happens where it is missing, fails, or never ends."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from dataclasses import replace

import pytest

from gate.runs import comparison
from probes import abidiff
from probes.drift.native.facts import AbiFacts
from tests import matrix
from tests.conftest import missing
from tests.native.conftest import found, run_check
from tests.native.libraries import CPP, Built, build

CLASSES = Built(CPP, "c++")


@pytest.fixture
def debug_pair(tmp_path):
    """The layout of a struct that a function takes changes; no symbol does."""
    debug = replace(CLASSES, flags=("-g",))
    new = replace(debug, source=CPP.replace("int w; int h;", "int w; int d; int h;"))
    return build(tmp_path / "old", debug), build(tmp_path / "new", new)


def test_abidiff_sees_what_symbols_do_not_tell(debug_pair) -> None:
    if shutil.which("abidiff") is None:
        missing("no abidiff on PATH: apt-get install abigail-tools")
    code, report = run_check(*debug_pair, "--mode", "plugin")
    (finding,) = found(report, "HG306").values()
    assert finding["subject"] == "abidiff"
    assert finding["message"].startswith("abidiff: 1 changed: 'function int volume(Box*)'")
    assert (finding["severity"], code) == ("block", 10)
    assert run_check(debug_pair[0], debug_pair[0], "--mode", "plugin")[0] == 0


def test_without_abidiff_the_symbols_speak_alone(debug_pair, monkeypatch) -> None:
    monkeypatch.setattr(abidiff.shutil, "which", lambda _: None)
    code, report = run_check(*debug_pair, "--mode", "plugin")
    assert not found(report, "HG306")
    assert code == 0


def script(folder, text: str) -> str:
    path = folder / "abidiff"
    path.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("exit 1", "could not read"),
        ("kill -9 $$", "could not read"),
        ("sleep 30", "did not end"),
        ("exit 2", "could not"),
    ],
)
def test_an_abidiff_that_fails_is_a_note(text, problem, debug_pair, monkeypatch, tmp_path) -> None:
    program = script(tmp_path, text)
    monkeypatch.setattr(abidiff.shutil, "which", lambda _: program)
    run = abidiff._run
    monkeypatch.setattr(abidiff, "_run", lambda command, _: run(command, 0.5))
    code, report = run_check(*debug_pair, "--mode", "plugin")
    (finding,) = found(report, "HG306").values()
    assert (finding["severity"], code) == ("info", 0)
    assert problem in finding["message"]


def test_output_without_end_is_cut(tmp_path) -> None:
    status, text = abidiff._run([script(tmp_path, "yes | head -c 3000000; exit 4")], 30)
    assert (status, len(text)) == (4, abidiff.MAX_OUTPUT)


def test_abidiff_is_not_asked_about_another_file(debug_pair, monkeypatch, tmp_path) -> None:
    program = script(tmp_path, f"touch {tmp_path / 'asked'}")
    monkeypatch.setattr(abidiff.shutil, "which", lambda _: program)
    answer = abidiff.compare_abi(str(debug_pair[0]), "0" * 64, str(debug_pair[1]), "0" * 64)
    assert "changed while" in answer.problem
    assert not (tmp_path / "asked").exists()


@pytest.mark.parametrize(("mode", "asked"), [("exec", 0), ("hotfix", 0), ("plugin", 1)])
def test_only_plugin_mode_asks_abidiff(mode, asked, monkeypatch) -> None:
    calls = []
    monkeypatch.setattr(comparison, "read_abi", lambda old, new: calls.append((old.path, new.path)))
    path = matrix.unpack("go1.27-amd64-c-shared")
    run_check(path, path, "--mode", mode)
    assert len(calls) == asked


ANSWER = """Functions changes summary: 2 Removed, 1 Changed (3 filtered out), 1 Added functions
Variables changes summary: 0 Removed, 1 Changed, 0 Added variable

  [D] 'function int half(int)'    {half}
  [D] 'function void _cgoexp_45b82482d50b_Half(void*)'    {_cgoexp_45b82482d50b_Half}
  [A] 'function void _cgoexp_02240458767a_Half(void*)'    {_cgoexp_02240458767a_Half}
  [C] 'function int area(shape*)' has some indirect sub-type changes:
  [C] 'int table[4]' was changed to 'int table[8]':
"""


def test_the_answer_of_abidiff_is_counted_without_plumbing() -> None:
    facts = abidiff.read_answer(12, ANSWER)
    assert (facts.changed, facts.incompatible) == (True, True)
    assert (facts.removed, facts.altered, facts.added) == (1, 2, 0)
    assert facts.lines[0] == "D 'function int half(int)'    {half}"
    assert len(facts.lines) == 3
    only = ANSWER.replace("2 Removed, 1 Changed", "1 Removed, 0 Changed").replace("0 Removed, 1", "0 Removed, 0")
    only = "\n".join(line for line in only.splitlines() if "_cgoexp" in line or "summary" in line)
    assert abidiff.read_answer(12, only) == AbiFacts()
    assert abidiff.read_answer(0, "") == AbiFacts()


def test_an_abidiff_that_cannot_be_started(debug_pair, monkeypatch, tmp_path) -> None:
    (tmp_path / "abidiff").write_bytes(b"")
    monkeypatch.setattr(abidiff.shutil, "which", lambda _: str(tmp_path / "abidiff"))
    code, report = run_check(*debug_pair, "--mode", "plugin")
    assert "cannot be started" in found(report, "HG306")["abidiff"]["message"]
    assert code == 0


def test_what_it_may_take_holds_when_the_check_is_killed() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        abidiff._limit(process.pid, 2.5)
        memory, seconds = (resource.prlimit(process.pid, each) for each in (resource.RLIMIT_AS, resource.RLIMIT_CPU))
        process.kill()
    assert memory == (abidiff.MAX_MEMORY, abidiff.MAX_MEMORY)
    assert seconds == (3 * os.cpu_count(), 3 * os.cpu_count())

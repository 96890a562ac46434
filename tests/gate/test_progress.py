"""The line on a terminal that says what a check is doing."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
SLOW = """
import sys, threading
import gate.cli, gate.runs.comparison as runs
from gate.cli._shared import progress
progress.DELAY = float(sys.argv.pop(1))
if sys.argv.pop(1) == "waits":
    from rich.status import Status
    shown, update, compare = threading.Event(), Status.update, runs.compare_binaries
    def updated(status, text, **options):
        update(status, text, **options)
        if "comparing" in text:
            shown.set()
    def slowly(*sides):
        assert shown.wait(120)
        return compare(*sides)
    Status.update, runs.compare_binaries = updated, slowly
gate.cli.main()
"""


def on_a_terminal(delay: float, *argv: str, waits: bool = False) -> tuple[int, str, str]:
    """Run a check whose stderr is a terminal: exit code, stdout, and all that the terminal got."""
    ours, theirs = pty.openpty()
    program = [sys.executable, "-c", SLOW, str(delay), "waits" if waits else "", "check", *argv]
    environment = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(program, cwd=REPO, env=environment, stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        assert process.stdout is not None
        said, shown = process.stdout.read().decode(), b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            shown += piece
    os.close(ours)
    return process.returncode, said, shown.decode()


@pytest.fixture
def pair(binary) -> tuple[str, str]:
    return str(binary("go1.26-amd64-exe")), str(binary("go1.26-amd64-pie"))


def test_the_stage_is_shown_and_erased(pair):
    code, said, shown = on_a_terminal(0, *pair, "--format", "json", waits=True)
    assert code in {0, 10, 11}, shown
    assert said.startswith("{")
    assert "comparing functions, types and data" in shown
    assert "\x1b[2K" in shown.rpartition("comparing")[2]  # EL: the line is erased


@pytest.mark.parametrize(("delay", "options"), [(0, ("--quiet",)), (3600, ())])
def test_nothing_is_shown_when_quiet_or_before_it_takes_long(pair, delay, options):
    _, said, shown = on_a_terminal(delay, *pair, "--format", "json", *options)
    assert (said[:1], shown) == ("{", "")


def test_an_error_comes_after_the_line(pair):
    code, _, shown = on_a_terminal(0, pair[0], "/nowhere")
    assert code == 2
    assert "error: no such file or directory: /nowhere" in shown.splitlines()[-2]

"""Calls that a copy of the process makes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from probes import fork
from probes.fork import Fork, WhenAsked
from tests import matrix

REPO = Path(__file__).parent.parent


def in_a_process(code: str) -> str:
    """What a program prints that has no other threads, as the workers of these tests have."""
    head = "import os, signal, threading, time\nfrom probes.fork import Fork, can_fork\nown = os.getpid()\n"
    done = subprocess.run(
        [sys.executable, "-c", head + code], cwd=REPO, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


needs_two = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2, reason="one processor"
)


@needs_two
def test_the_value_comes_back_from_another_process() -> None:
    assert in_a_process("print(Fork(os.getpid).result() not in {own, 0}, Fork(lambda: {'a': (1, 2)}).result())") == (
        "True {'a': (1, 2)}"
    )


@needs_two
@pytest.mark.parametrize(
    "end",
    [
        "raise ValueError",
        "os._exit(0)",  # without an answer
        "os._exit(3)",
        "os.kill(os.getpid(), signal.SIGKILL)",
        "return lambda: 0",  # cannot be pickled
    ],
)
def test_a_copy_that_does_not_answer_is_no_answer(end: str) -> None:
    code = f"""
def call():
    if os.getpid() != own:
        {end}
    return 'here'
print(Fork(call).result())
"""
    assert in_a_process(code) == "here"


@needs_two
def test_what_the_call_raises_is_raised_where_the_result_is_asked_for() -> None:
    code = """
def call():
    raise KeyError(os.getpid() == own)
try:
    Fork(call).result()
except KeyError as exc:
    print(exc)
"""
    assert in_a_process(code) == "True"


@needs_two
def test_no_copy_is_made_of_a_process_with_other_threads() -> None:
    code = """
go = threading.Event()
for name in ("progress", "other"):
    thread = threading.Thread(target=go.wait, name=name, daemon=True)
    thread.start()
    print(can_fork(), Fork(os.getpid).result() == own)
go.set()
"""
    assert in_a_process(code) == "True False\nFalse True"


def test_where_there_is_no_process_to_be_had_it_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError

    monkeypatch.setattr(fork, "can_fork", lambda: True)
    monkeypatch.setattr(os, "fork", refuse)
    assert Fork(os.getpid).result() == WhenAsked(os.getpid).result() == os.getpid()
    assert threading.current_thread().is_alive()


@needs_two
def test_an_interrupted_check_leaves_no_copy_behind() -> None:
    code = """
child = Fork(lambda: time.sleep(600))
pid = child._child[0]
os.kill(pid, signal.SIGINT)
print(os.waitpid(pid, 0)[1])
"""
    assert in_a_process(code) == str(int(signal.SIGINT))


CHECK = """
import gate.runs.comparison as runs
runs.WORTH_A_FORK = {least}
import probes.drift.compare_functions as functions
functions.MANY = 1
from gate.cli import main
import sys
sys.argv = ["hotgate", "check", *{paths!r}, "--format", "json"]
main()
"""


@needs_two
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("go1.26-amd64-exe", "go1.27-amd64-exe"),
        ("go1.25-amd64-pie-cgo-stripped", "go1.26-amd64-pie-cgo-stripped"),
        ("go1.25-arm64-pie-cgo", "go1.27-arm64-pie-cgo"),
    ],
)
def test_the_report_is_the_same_to_the_letter_however_many_processes_made_it(old: str, new: str) -> None:
    import json  # noqa: PLC0415 - only here

    reports = []
    for least in (0, 1 << 40):
        paths = [str(matrix.unpack(old)), str(matrix.unpack(new))]
        done = subprocess.run(
            [sys.executable, "-c", CHECK.format(least=least, paths=paths)],
            cwd=REPO,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"},
        )
        report = json.loads(done.stdout)
        assert report.pop("timings_ms")
        reports.append(json.dumps(report))
    assert reports[0] == reports[1]
    assert len(reports[0]) > 10_000

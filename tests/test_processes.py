"""No process is lost when a signal ends the command that has just started it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gate import processes
from tests.processes import command_lines

REPO = Path(__file__).parents[1]
STARTED = """
import os, signal, subprocess, sys
from gate import processes
from gate.cli._shared.ending import clean_up_on_sigterm

class Popen(subprocess.Popen):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        print(self.pid, flush=True)
        os.kill(os.getpid(), int(sys.argv[1]))  # before anybody else has the PID
        for _ in range(1000):
            pass

subprocess.Popen = Popen
clean_up_on_sigterm()
processes.run(["sleep", "60"], seconds=50, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
"""


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)])
def test_a_signal_while_a_process_is_started_ends_it(sent, code):
    done = subprocess.run([sys.executable, "-c", STARTED, str(int(sent))], cwd=REPO, capture_output=True, check=False)
    assert done.returncode == code, done.stderr
    assert command_lines([int(done.stdout)]) == {}


def test_what_takes_too_long_is_ended():
    ran = "import os, sys, time; print(os.getpid(), flush=True); time.sleep(1000)"
    with pytest.raises(subprocess.TimeoutExpired) as raised:
        processes.run([sys.executable, "-c", ran], seconds=3, stdout=subprocess.PIPE)
    if raised.value.stdout:  # it had come so far
        assert command_lines([int(raised.value.stdout)]) == {}


def test_the_handlers_are_those_of_before_and_other_threads_have_none():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    codes = []

    def end_with(code):
        codes.append(processes.run([sys.executable, "-c", f"raise SystemExit({code})"], seconds=300).returncode)

    end_with(3)
    thread = threading.Thread(target=end_with, args=(4,))
    thread.start()
    thread.join()
    assert codes == [3, 4]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before

"""What a process was started to ignore is not handed on to what it starts."""

from __future__ import annotations

import signal
import subprocess
import sys

PROGRAM = """
import subprocess, sys
from gate.signals import be_deaf_alone
be_deaf_alone()
import os, signal
os.kill(os.getpid(), signal.SIGHUP)  # it ignores it still
subprocess.run(["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"], check=True)
"""

OF_THE_C_LIBRARY = 0b11 << 31
"""Signals 32 and 33, which glibc keeps for itself: nobody can set them, or is told by them."""


def started_deaf() -> None:
    for each in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGCHLD, signal.SIGRTMIN + 1):
        signal.signal(each, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})


def test_children_of_a_process_under_nohup_hear_everything() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], preexec_fn=started_deaf, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    masks = [int(line.split()[1], 16) & ~OF_THE_C_LIBRARY for line in done.stdout.splitlines()]
    assert masks == [0, 0], done.stdout

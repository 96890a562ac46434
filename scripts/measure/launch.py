"""Runs a command and prints its wall time in seconds, peak resident set in KiB, exit code and CPU seconds on stderr's last line.

A process of its own, because the kernel counts the memory of the parent into the peak of the program that it starts: this
one is small.
"""

from __future__ import annotations

import os
import sys
import time

if __name__ == "__main__":
    begun = time.perf_counter()
    child = os.posix_spawn(
        sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    )
    _, status, usage = os.wait4(child, 0)
    taken = time.perf_counter() - begun
    used = usage.ru_utime + usage.ru_stime
    sys.stderr.write(f"\n{taken} {usage.ru_maxrss} {os.waitstatus_to_exitcode(status)} {used}\n")

"""The process that a rehearsal runs in, and the one that ends everything and removes the folder, whatever happens.

`python -m gate.rehearsal.keeper FOLDER LEVEL KEEP` reads the order from its standard input, which stays open as long as the
rehearsal is wanted: when it closes, all ends. Events are lines of JSON on its standard output.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
from pathlib import Path
from typing import Any, cast

from gate.rehearsal.stage.folder import keep, remove
from gate.rehearsal.stage.isolation import Level, adopt_orphans, die_with_parent, settle, unshare
from gate.rehearsal.stage.processes import end_all
from gate.signals import be_deaf_alone

PROBLEM = 3
"""The exit code of a rehearsal that could not be performed; what was wrong is an event."""


def main() -> int:
    """Perform, and end it all."""
    folder, level, kept = Path(sys.argv[1]), cast("Level", sys.argv[2]), sys.argv[3] == "keep"
    os.setsid()  # ctrl-C is for the process that asked, which closes our input
    be_deaf_alone()
    adopt_orphans()
    order = sys.stdin.buffer.readline()
    try:
        if not order.endswith(b"\n"):
            return PROBLEM  # who asked has gone
        unshare(level)
        inner = os.fork()
        if inner == 0:
            os._exit(_inside(folder, level, order))
        status = _wait(inner)
    finally:
        # Of a PID namespace, the end of its first process is everybody's.
        end_all(os.getpid())
        if kept:
            with contextlib.suppress(OSError):
                keep(folder)
        else:
            remove(folder)
    return status


def _wait(inner: int) -> int:
    """Until the rehearsal has ended, or nobody wants it any more."""
    pidfd = os.pidfd_open(inner)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.register(sys.stdin.fileno(), select.POLLIN | select.POLLHUP)
    while True:
        ready = {fd for fd, _ in poll.poll()}
        if pidfd not in ready:
            if os.read(sys.stdin.fileno(), 4096):
                continue
            os.kill(inner, signal.SIGKILL)
        _, status = os.waitpid(inner, 0)
        return os.waitstatus_to_exitcode(status)


def _inside(folder: Path, level: Level, order: bytes) -> int:
    """The rehearsal's own process, which the kernel ends with its keeper."""
    try:
        die_with_parent()
        adopt_orphans()
        settle(level)
        empty = os.open(os.devnull, os.O_RDONLY)
        os.dup2(empty, 0)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        from gate.rehearsal.perform import perform

        return perform(folder, order, _emit)
    except BaseException as exc:  # noqa: BLE001 - its own process: nobody else would hear of it
        import traceback

        _emit({"event": "bug", "what": f"{type(exc).__name__}: {exc}", "trace": traceback.format_exc()[-8000:]})
        return 1


def _emit(event: dict[str, Any]) -> None:
    from msgspec.json import encode

    with contextlib.suppress(BrokenPipeError):
        data = encode(event) + b"\n"
        while data:
            data = data[os.write(1, data) :]


if __name__ == "__main__":
    sys.exit(main())

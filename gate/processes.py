"""Processes that never outlive the call that started them, whatever ends it."""

from __future__ import annotations

import signal
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def run(argv: Sequence[str], *, seconds: float, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end, for `seconds` at the most; `options` are those of `subprocess.Popen`.

    `subprocess.run` loses a process when a signal's handler raises while `Popen` waits for it to begin: nobody has its PID then.

    Raises:
        OSError: it cannot be started.
        subprocess.TimeoutExpired: it took longer, and was killed.
    """
    process: subprocess.Popen[bytes] | None = None
    try:
        with _signals_later():
            process = subprocess.Popen(argv, **options)  # noqa: S603 - the caller's words, and no shell
        out, err = process.communicate(timeout=seconds)
    finally:
        if process is not None:
            with process:  # closes its pipes, and waits
                process.kill()
    return subprocess.CompletedProcess(argv, process.returncode, out, err)


@contextmanager
def _signals_later() -> Iterator[None]:
    """Handlers of SIGINT and SIGTERM that would run in the block run after it."""
    if threading.current_thread() is not threading.main_thread():  # handlers run in no other
        yield
        return
    noted: list[int] = []
    handlers = {
        number: handler for number in (signal.SIGINT, signal.SIGTERM) if callable(handler := signal.getsignal(number))
    }
    try:
        for number in handlers:
            signal.signal(number, lambda number, _: noted.append(number))
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for sent in noted:
            signal.raise_signal(sent)

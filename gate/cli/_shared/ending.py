"""How a command ends that has something to clean up."""

from __future__ import annotations

import signal
from typing import NoReturn


def clean_up_on_sigterm() -> None:
    """Have SIGTERM, by which pipelines end a job, end the command as ctrl-C does: what it started is ended, its folders are removed.

    The exit code is the one of a process that the signal killed, 143.
    """
    signal.signal(signal.SIGTERM, _terminated)


def _terminated(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)

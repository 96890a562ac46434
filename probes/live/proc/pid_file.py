"""The process of a service that runs on this host, by its PID file."""

from __future__ import annotations

import os


def read_pid(path: str) -> int:
    """The PID in the file at `path`. OSError or ValueError where there is none: the service may put anything in its place."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        text = (file.read(32) or b"").decode("ascii").strip()
    if not text.isdecimal():
        raise ValueError("no number")
    return int(text)

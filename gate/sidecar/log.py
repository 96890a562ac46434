"""What the sidecar says: lines of JSON for machines; for a terminal, lines of text above a status line."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import TYPE_CHECKING

from gate.report.clean import clean

if TYPE_CHECKING:
    from collections.abc import Callable

CLEAR = "\r\x1b[2K"
MAX_LINE = 2000


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """One object a line; ASCII, so that no name can steer whoever reads it."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        shape = {"ts": moment, "level": record.levelname.lower(), "logger": record.name}
        return json.dumps(shape | {"message": record.getMessage()[:MAX_LINE]}, ensure_ascii=True)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Time, level if it is none of the ordinary ones, and what happened."""
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        return f"{CLEAR}{time.strftime('%H:%M:%S')} {level}{clean(record.getMessage()[:MAX_LINE])}"


def configure() -> Callable[[str], None] | None:
    """Send the log to stderr; gives what shows the status line, None where stderr is no terminal."""
    terminal = sys.stderr.isatty()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Text() if terminal else _Json())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("hotgate").setLevel(logging.INFO)
    if not terminal:
        return None

    def show(line: str) -> None:
        import shutil

        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(CLEAR + clean(line)[:width])
        sys.stderr.flush()

    return show

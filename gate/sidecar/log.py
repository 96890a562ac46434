"""What the sidecar says: lines of JSON for machines; for a terminal, lines of text above a status line."""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from typing import TYPE_CHECKING

from gate.report.text.clean import clean

if TYPE_CHECKING:
    from collections.abc import Callable

CLEAR = "\r\x1b[2K"
MAX_LINE = 2000
MAX_FRAMES = 20


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """One object a line; ASCII, so that no name can steer the terminal of its reader."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        shape = {"ts": moment, "level": record.levelname.lower(), "logger": record.name}
        shape["message"] = record.getMessage()[:MAX_LINE]
        return json.dumps(shape | _where(record), ensure_ascii=True)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Time, level if it is none of the ordinary ones, and what happened."""
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        where = [clean(each) for each in _where(record).get("traceback", [])]
        said = "\n  ".join([clean(record.getMessage()[:MAX_LINE]), *where])
        return f"{CLEAR}{time.strftime('%H:%M:%S')} {level}{said}"


def _where(record: logging.LogRecord) -> dict[str, list[str]]:
    """Where what is logged was raised, the innermost call last; empty for everything but bugs."""
    trace = record.exc_info[2] if record.exc_info else None
    frames = traceback.extract_tb(trace, limit=-MAX_FRAMES) if trace is not None else []
    return {"traceback": [f"{each.filename}:{each.lineno} in {each.name}" for each in frames]} if frames else {}


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

"""Runs a tool on files: without a shell, without the caller's environment, for a bounded time, with a bounded answer."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gate.processes import run

if TYPE_CHECKING:
    from collections.abc import Sequence

SECONDS = 120
MAX_ANSWER = 32 << 20


class NoAnswer(Exception):
    """Why a tool gave none, in one line."""


def path_of(path: str) -> str:
    """`path` as an absolute one, which no tool takes for an option or for an address.

    Raises:
        NoAnswer: nothing is there, or a tool would read more into it.
    """
    place = Path(path)
    if not place.exists():
        raise NoAnswer(f"no such file: {path}")
    found = str(place.resolve())
    if "#" in found or "," in found or "?" in found or "*" in found:
        raise NoAnswer(f"a path with one of # , ? * is not handed to tools: {path}")
    return found


def ask(program: str, arguments: Sequence[str], codes: Sequence[int]) -> str:
    """The standard output of `program`, which ended with one of `codes`.

    Raises:
        NoAnswer: it is not installed, took too long, said too much, or ended otherwise.
    """
    place = shutil.which(program)
    if place is None:
        raise NoAnswer(f"{program} is not installed")
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": home, "LC_ALL": "C.UTF-8"}
        try:
            done = run(
                [place, *arguments],  # paths that were checked
                seconds=SECONDS,
                cwd=home,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        except subprocess.TimeoutExpired as exc:
            raise NoAnswer(f"{program} did not end within {SECONDS} s") from exc
        except OSError as exc:
            raise NoAnswer(f"{program} cannot be run ({exc.strerror})") from exc
        out.seek(0)
        err.seek(0)
        answer, said = out.read(MAX_ANSWER + 1), err.read(2000).decode("utf-8", "replace")
    if len(answer) > MAX_ANSWER:
        raise NoAnswer(f"{program} said more than {MAX_ANSWER >> 20} MiB")
    if done.returncode not in codes:
        why = " ".join((said or answer[:2000].decode("utf-8", "replace")).split())[:300]
        raise NoAnswer(f"{program} ended with {done.returncode}: {why}")
    return answer.decode("utf-8", "replace")


def as_rows(text: str) -> list[dict[str, Any]]:
    """The objects in a JSON list; nothing where the text is empty.

    Raises:
        NoAnswer: it is something else.
    """
    try:
        rows = json.loads(text) if text.strip() else []
    except (ValueError, RecursionError) as exc:
        raise NoAnswer("its answer is not JSON") from exc
    if rows is None:
        return []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise NoAnswer("its answer is no list of findings")
    return rows


def text(row: dict[str, Any], key: str) -> str:
    """A text of a row, "" where there is none."""
    value = row.get(key)
    return value[:2000] if isinstance(value, str) else ""


def number(row: dict[str, Any], key: str) -> int:
    """A count of a row, 0 where there is none."""
    value = row.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0

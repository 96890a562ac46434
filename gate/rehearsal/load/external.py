"""Load by a command of the plan's own, such as k6 or vegeta: its exit code and its summary are what is known of it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from gate.rehearsal.problem import CannotRehearse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PATIENCE = 30.0
"""Seconds in which it ends when it is told to."""
SUMMARY = 2000
"""Characters of its output that are kept, from the end."""


class External:
    """A running command."""

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self._name = Path(command[0]).name
        self._output = folder / "load.output"
        try:
            with self._output.open("wb") as out:
                self._process = subprocess.Popen(  # noqa: S603 - the plan's
                    list(command),
                    cwd=folder / "work",
                    env=dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    process_group=0,  # told to end together, as ctrl-C would: a shell with its pipeline
                )
        except OSError as exc:
            raise CannotRehearse(f"the load cannot be started ({exc.strerror}): {command[0]}") from exc
        self.pid = self._process.pid

    def end(self, ended: Mapping[int, int]) -> tuple[str, bool]:
        """What it said at its end, and whether it failed by itself; `ended` has the wait status of who was reaped already."""
        told = False
        if self.pid not in ended and self._process.poll() is None:
            told = True
            os.killpg(self.pid, signal.SIGINT)
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
                self._process.wait()
        code = self._process.returncode
        if self.pid in ended:
            code = os.waitstatus_to_exitcode(ended[self.pid])
        with self._output.open("rb") as out:
            out.seek(max(self._output.stat().st_size - SUMMARY, 0))
            text = " / ".join(
                line.strip() for line in out.read().decode("utf-8", "replace").splitlines() if line.strip()
            )
        how = "ended when it was told to" if told else f"exited with {code}"
        return f"{self._name}, which {how}: {text}" if text else f"{self._name}, which {how}", not told and code != 0

"""The generator as the rehearsal sees it: it is started, paused, and its records are read."""

from __future__ import annotations

import contextlib
import json
import select
import subprocess
import time
from typing import TYPE_CHECKING, Any

from msgspec.json import encode

from gate.rehearsal.load.records import read_records
from gate.rehearsal.problem import CannotRehearse
from gate.rehearsal.stage.isolation import die_with_parent, interpreter

if TYPE_CHECKING:
    from pathlib import Path

    from gate.rehearsal.load.generator import Order
    from gate.rehearsal.load.records import Record

PATIENCE = 120.0
"""Seconds for one answer: a machine that is busy starts an interpreter late."""


class Load:
    """A running generator."""

    def __init__(self, order: Order, folder: Path, environment: dict[str, str]) -> None:
        self._records = folder / "load.records"
        self._offset = 0
        self._all: list[Record] = []
        self.running = False
        self.requests = order.requests
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter; this process has one thread
            [*interpreter(), "-m", "gate.rehearsal.load.generator", str(self._records)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - this process has one thread
        )
        self.pid = self._process.pid
        self._rest = b""
        self._write(encode(order) + b"\n")
        self._answer()

    def _write(self, data: bytes) -> None:
        if self._process.stdin is None:
            raise AssertionError
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except BrokenPipeError as exc:
            raise CannotRehearse("the load generator has ended") from exc

    def _answer(self) -> dict[str, Any]:
        if self._process.stdout is None:
            raise AssertionError
        deadline = time.monotonic() + PATIENCE
        while b"\n" not in self._rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._process.stdout], [], [], left)[0]:
                raise CannotRehearse("the load generator does not answer")
            piece = self._process.stdout.raw.read(65536)  # type: ignore[attr-defined]
            if not piece:
                raise CannotRehearse("the load generator has ended")
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found

    def tell(self, command: str) -> dict[str, Any]:
        """Give a command, and return its answer.

        Raises:
            CannotRehearse: the generator has ended, or does not answer.
        """
        self._write(command.encode("ascii") + b"\n")
        return self._answer()

    def pause(self) -> None:
        """Nothing is sent from now on, and nothing is under way."""
        if self.running:
            self.tell("pause")
            self.running = False

    def resume(self) -> None:
        """Requests are sent again."""
        if not self.running:
            self.tell("resume")
            self.running = True

    def records(self) -> list[Record]:
        """All records so far; those of the last tenth of a second may be missing."""
        fresh, self._offset = read_records(self._records, self._offset)
        self._all += fresh
        return self._all

    def examples(self) -> dict[str, str]:
        """What went wrong, an example of each kind; all records are in the file afterwards."""
        return self.tell("examples")

    def stop(self) -> None:
        """End it."""
        try:
            self.tell("stop")
        except CannotRehearse:
            self._process.kill()
        finally:
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):  # what it was not there to read
                        pipe.close()

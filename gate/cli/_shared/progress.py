"""A line on stderr that says what a command is doing, once it has taken a while."""

from __future__ import annotations

import sys
from threading import Event, Thread
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

DELAY = 2.0
"""Seconds without a line: most comparisons end before."""


class Progress:
    """Shows the stage of a command while it runs, as a context; the line is erased at the end.

    Nothing is shown, and rich is not imported, where stderr is no terminal, with `quiet`, or before `DELAY` has passed.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._wanted = not quiet and sys.stderr.isatty()
        self._stage = ""
        self._changed = Event()
        self._ended = False
        self._thread: Thread | None = None

    def stage(self, name: str) -> None:
        """From now on the command does `name`, such as `comparing functions`."""
        self._stage = name
        self._changed.set()

    def __enter__(self) -> Self:
        if self._wanted:
            self._thread = Thread(target=self._show, name="progress", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        self._changed.set()
        if self._thread is not None:
            self._thread.join()

    def _show(self) -> None:
        from time import monotonic

        deadline = monotonic() + DELAY
        while not self._ended and (left := deadline - monotonic()) > 0:
            self._changed.wait(left)
            self._changed.clear()
        if self._ended:
            return
        from rich.console import Console

        with Console(stderr=True, highlight=False).status(self._stage) as status:
            while not self._ended:
                self._changed.wait()
                self._changed.clear()
                status.update(self._stage)

"""Work beside the process's own, in a copy of the process: both processors for what holds the interpreter's lock.

`multiprocessing` does the same with a fork server and queues, and its imports take as long as a small comparison.
"""

from __future__ import annotations

import os
import pickle
import signal
import threading
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

HARMLESS = "progress"
"""Name of threads that wait, and hold no lock that a copy of the process would need."""


_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Later(Protocol[T_co]):
    """What is there later."""

    def result(self) -> T_co:
        """What was called for; raises what the call raised."""


class Beside(Protocol):
    """How a call is made beside others."""

    def __call__(self, call: Callable[[], T], /) -> Later[T]:
        """`call`, from now on or later."""


class WhenAsked(Generic[T]):
    """A call that is made when its result is asked for."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._value: list[T] = []

    def result(self) -> T:
        """What the call returned, or raise what it raised."""
        if not self._value:
            self._value.append(self._call())
        return self._value[0]


class Fork(Generic[T]):
    """A call that a copy of this process makes from now on; what it returns is pickled, what it changes is lost.

    Where there can be no copy (one processor, other threads, which may hold locks, no `fork`), or it does not come to its
    end, the call is made when its result is asked for.
    """

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._value: list[T] = []
        self._child = _start(call) if can_fork() else None

    def result(self) -> T:
        """What the call returned, or raise what it raised; waits for its end."""
        if not self._value:
            self._value.append(self._answer())
        return self._value[0]

    def _answer(self) -> T:
        if self._child is not None:
            pid, fd = self._child
            self._child = None
            with open(fd, "rb") as pipe:  # noqa: PTH123 - a descriptor
                data = pipe.read()
            if os.waitpid(pid, 0)[1] == 0 and data:
                value: T = pickle.loads(data)  # noqa: S301 - written by a copy of this process
                return value
        return self._call()


def can_fork() -> bool:
    """Whether a copy of this process can work beside it."""
    return (
        hasattr(os, "sched_getaffinity")  # Linux: on macOS, system libraries forbid it
        and len(os.sched_getaffinity(0)) > 1
        and all(each is threading.current_thread() or each.name == HARMLESS for each in threading.enumerate())
    )


def _start(call: Callable[[], Any]) -> tuple[int, int] | None:
    read, write = os.pipe()
    # A signal that comes before the copy ends by it would be lost.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        pid = os.fork()
    except OSError:  # a limit on processes, or a sandbox
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(read)
        os.close(write)
        return None
    if pid:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(write)
        return pid, read
    status = 1
    try:
        for number in _ENDING:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(read)
        with open(write, "wb") as pipe:  # noqa: PTH123 - a descriptor
            pipe.write(pickle.dumps(call(), protocol=5))
        status = 0
    finally:
        os._exit(status)  # nothing of the original's is closed or flushed a second time

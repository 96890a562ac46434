"""Threads for work that releases the interpreter's lock: numpy on large arrays, files.

`concurrent.futures` does the same and takes 10 ms to import, most of it for `logging`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock, Thread
from typing import Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")


class Task(Generic[T]):
    """A call that runs in a thread of its own from now on. The thread does not keep the process from ending."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._value: list[T] = []
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value.append(self._call())
        except BaseException as exc:  # noqa: BLE001 - raised again where the result is asked for
            self._error = exc

    def result(self) -> T:
        """What the call returned, or raise what it raised; waits for its end."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._value[0]


def each(call: Callable[[T], U], items: Iterable[T], workers: int) -> list[U]:
    """`call` on each of `items`, up to `workers` at a time; results in the order of the items."""
    waiting = iter(enumerate(items))
    lock = Lock()
    results: dict[int, U] = {}

    def work() -> None:
        while True:
            with lock:
                number, item = next(waiting, (-1, None))
            if item is None:
                return
            results[number] = call(item)

    for task in [Task(work) for _ in range(workers)]:
        task.result()
    return [results[number] for number in range(len(results))]

"""Calls in threads: results in order, errors where they are asked for."""

from __future__ import annotations

import threading
import time

import pytest

from probes.parallel import Task, each


def test_results_come_in_the_order_of_the_items() -> None:
    def slow_first(n: int) -> int:
        time.sleep(0.02 if n == 1 else 0)
        return n * n

    assert each(slow_first, [1, 2, 3, 4, 5], 2) == [1, 4, 9, 16, 25]
    assert each(slow_first, [], 2) == []


def test_two_run_at_once() -> None:
    meeting = threading.Barrier(2, timeout=300)
    assert each(lambda n: (meeting.wait(), n)[1], [7, 8], 2) == [7, 8]


def test_an_error_reaches_who_asks() -> None:
    def refuse(n: int) -> int:
        raise ValueError(f"item {n}")

    with pytest.raises(ValueError, match="item 3"):
        each(refuse, [3], 2)
    task = Task(lambda: refuse(4))
    with pytest.raises(ValueError, match="item 4"):
        task.result()
    assert Task(lambda: "done").result() == "done"

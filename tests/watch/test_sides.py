"""Which samples are before an update and which after it, by the time that whoever deploys says."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from gate.watch.looking import sides

OLD, NEW = "one", "two"
# The signal is at 32 s; the old image serves until 35 s.
ROWS = [SimpleNamespace(due_ms=t * 1000, epoch=OLD if t < 35 else NEW) for t in range(10, 61, 10)]


@pytest.mark.parametrize(
    ("since", "before"),
    [
        (31, [10, 20, 30]),  # --since, from before the signal
        (29, [10, 20, 30]),  # what the old image still counts is no part of the time after
        (41, [10, 20, 30, 40, 50, 60]),  # begun after the new image was polled: it is taken for the old one
    ],
)
def test_a_watch_needs_the_time_from_before_the_signal(since: int, before: list[int]) -> None:
    found = sides(ROWS, since * 1000, 60_000)
    assert [row.due_ms // 1000 for row in found[0]] == before
    assert [row.due_ms // 1000 for row in found[1]] == [moment for moment in range(10, 61, 10) if moment not in before]

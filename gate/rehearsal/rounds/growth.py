"""What every update leaves behind: figures that grow with the number of updates, and by nothing else."""

from __future__ import annotations

import statistics
from itertools import pairwise
from typing import TYPE_CHECKING

from gate.evidence.rehearsal import Growth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gate.evidence.rehearsal import Footprint, Update

LEAST_UPDATES = 6
LEAST = {"descriptors": 0.4, "processes": 0.4, "files": 0.4, "goroutines": 0.4, "threads": 0.9, "memory": 512 * 1024.0}
"""By how much each update adds, at the least. Half a descriptor: one of the two images leaks one."""
CAREFUL = 10
"""Updates before threads and memory are judged, which the runtime moves by itself."""


def growth(updates: Sequence[Update]) -> tuple[Growth, ...]:
    """What grew. Images differ in what they hold: each is compared with itself, an update and its way back later."""
    sides: dict[str, list[Footprint]] = {}
    for update in updates:
        if update.left is not None:
            sides.setdefault(update.way, []).append(update.left)
    number = sum(map(len, sides.values()))
    if number < LEAST_UPDATES or min(map(len, sides.values())) < LEAST_UPDATES // 2:
        return ()
    found = []
    for what, least in LEAST.items():
        if what in ("threads", "memory") and number < CAREFUL:
            continue
        series = [[getattr(each, what) for each in side] for side in sides.values()]
        if any(value is None for side in series for value in side):
            continue
        between = len(series)  # updates from one value of a series to the next
        steps = [_step(side) / between for side in series]
        if all(map(_rises, series)) and min(steps) >= least and _is_much(what, series):
            first, last = series[0][0], series[0][-1]
            found.append(Growth(what, round(statistics.fmean(steps), 2), first, last, number))
    return tuple(found)


def _step(side: Sequence[float]) -> float:
    """From one value to the next, by the median of the steps."""
    return statistics.median(after - before for before, after in pairwise(side))


def _rises(side: Sequence[float]) -> bool:
    """Whether everything in the second half is above everything in the first, and nothing falls by more than it rose."""
    half = len(side) // 2
    return min(side[len(side) - half :]) > max(side[:half])


def _is_much(what: str, series: Sequence[Sequence[float]]) -> bool:
    """Memory grows by a fifth before it counts."""
    return what != "memory" or all(side[-1] >= 1.2 * side[0] for side in series)

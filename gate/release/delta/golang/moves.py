"""Where the addresses of the old image went, from the references that both images have at the same place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gate.release.delta.golang.prediction import Moves, carried

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gate.release.delta.golang.prediction import Copies
    from gate.release.delta.golang.references import References

    I64 = NDArray[np.int64]

ROUNDS = 8


def vote(copies: Copies, old: References, new: References) -> Moves:
    """The map that most references agree with; a step of it that only one reference wants costs more than it saves."""
    index, place = carried(copies, old)
    if not index.size or not new.place.size:
        return Moves(np.empty(0, np.int64), np.empty(0, np.int64))
    match = np.minimum(np.searchsorted(new.place, place), new.place.size - 1)
    same = (new.place[match] == place) & (new.form[match] == old.form[index]) & (new.base[match] == old.base[index])
    before, after = old.target[index[same]], new.target[match[same]]
    start, shift, weight = _majority(before, after - before)
    for _ in range(ROUNDS):
        if start.size < 2:
            break
        between = np.zeros(start.size, np.bool_)
        between[1:-1] = shift[:-2] == shift[2:]
        drop = (weight <= 1) | ((weight <= 2) & between)
        drop[0] = False
        drop[1:] &= ~drop[:-1]  # the neighbour's fate decides first
        if not drop.any():
            break
        start, shift, weight = _steps(start[~drop], shift[~drop], weight[~drop])
    return Moves(start, shift)


def _majority(address: I64, shift: I64) -> tuple[I64, I64, I64]:
    """For each address the shift that most want, as steps of the map: start, shift, and how many want it."""
    order = np.lexsort((shift, address))
    address, shift = address[order], shift[order]
    first = np.ones(address.size, np.bool_)
    first[1:] = (address[1:] != address[:-1]) | (shift[1:] != shift[:-1])
    starts = np.flatnonzero(first)
    weight = np.diff(np.append(starts, address.size))
    address, shift = address[starts], shift[starts]
    order = np.lexsort((-weight, address))
    address, shift, weight = address[order], shift[order], weight[order]
    first = np.ones(address.size, np.bool_)
    first[1:] = address[1:] != address[:-1]
    return _steps(address[first], shift[first], weight[first])


def _steps(start: I64, shift: I64, weight: I64) -> tuple[I64, I64, I64]:
    if not start.size:
        return start, shift, weight
    first = np.ones(start.size, np.bool_)
    first[1:] = shift[1:] != shift[:-1]
    starts = np.flatnonzero(first)
    return start[starts], shift[starts], np.add.reduceat(weight, starts)

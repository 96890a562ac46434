"""Why a function that grew is no regression: its cost came from its neighbours, or is gone again."""

from __future__ import annotations

import numpy as np

from probes.go.table.functions import package_of
from probes.profile.comparison.statistics import Shares, compare
from probes.profile.comparison.windows import Comparison
from probes.profile.facts import F64, Bools

PARENTS = 3
"""Callers, the nearest first, that are looked at whatever their share is."""
LARGE = 0.5
"""Of all samples: a caller beyond the nearest ones that holds more is no neighbourhood."""
HELD = 0.8
"""Of a function's samples: what a caller must hold to be its parent."""
MOVED = 1e-3
"""Level at which a neighbour is said to have shrunk."""
RATIO = 0.5
"""Of the growth: what neighbours must have lost, and what the sum of all may have grown by."""
CLEAR = 3.0
"""Standard errors from which the sum of all has grown for certain."""
TAIL = 4
"""The last part, a quarter of the windows, is asked whether the growth is still there."""
MIN_TAIL = 3


class Explainer:
    """Looks for the explanation of growth. `changed`: functions left out of the reference; `whole`: flat or cumulative."""

    def __init__(self, both: Comparison, found: Shares, grown: Bools, changed: Bools, *, whole: bool) -> None:
        self._both, self._found, self._grown, self._whole = both, found, grown, whole
        self._stable = ~changed[both.leaves]
        self._weight = both.base.counts.sum(axis=1) / max(both.base.counts.sum(), 1)
        self._weight += both.new.counts.sum(axis=1) / max(both.new.counts.sum(), 1)

    def shift(self, function: int) -> str:
        """Where the cost of `function` came from; "" when no other function lost as much."""
        package = package_of(self._both.names[function])
        for parent in self._parents(function):
            inside = self._both.holding(parent)
            if text := self._moved(function, inside, f"under {self._both.names[parent]}"):
                return text
        if package:
            named = np.array([package_of(name) == package for name in self._both.names])
            inside = named[self._both.leaves] if not self._whole else self._holding(np.flatnonzero(named))
            return self._moved(function, inside, f"in package {package}", within=named)
        return ""

    def _holding(self, functions: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Bools:
        out = np.zeros(len(self._both.table), dtype=np.bool_)
        member = np.isin(self._both.functions, functions)
        out[self._both.members[member]] = True
        return out

    def _mine(self, functions: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Bools:
        """The stacks that count for `functions`."""
        return self._holding(functions) if self._whole else np.isin(self._both.leaves, functions)

    def _parents(self, function: int) -> list[int]:
        """Callers that hold nearly all of its samples, the smallest first."""
        mine = self._mine(np.array([function]))
        weight = self._weight * mine
        total = float(weight.sum())
        rows = self._both.members
        held = np.bincount(self._both.functions, weights=weight[rows], minlength=len(self._both.names))
        whole = np.bincount(self._both.functions, weights=self._weight[rows], minlength=len(self._both.names)) / 2
        good = np.flatnonzero(held >= HELD * total)
        good = good[good != function]
        ordered = good[np.argsort(whole[good], kind="stable")]
        return [int(each) for rank, each in enumerate(ordered) if rank < PARENTS or whole[each] <= LARGE][:8]

    def _moved(self, function: int, inside: Bools, where: str, within: Bools | None = None) -> str:
        lost = self._found.shrunk < MOVED
        present = np.zeros(len(lost), dtype=np.bool_)
        if self._whole:
            present[np.unique(self._both.functions[inside[self._both.members]])] = True
        else:
            present[np.unique(self._both.leaves[inside])] = True
        if within is not None:
            present &= within
        givers = np.flatnonzero(lost & present)
        takers = np.flatnonzero(self._grown & present)
        if not givers.size or function not in takers:
            return ""
        taken = self._difference(inside & self._mine(takers) & ~self._mine(givers))[0]
        given = self._difference(inside & self._mine(givers) & ~self._mine(takers))[0]
        rest, error = self._difference(inside & self._mine(np.union1d(givers, takers)))
        if self._whole and taken <= 0:
            return ""
        if -given >= RATIO * taken and rest < RATIO * taken and rest < CLEAR * error:
            names = sorted(
                givers.tolist(), key=lambda row: float(self._found.new.share[row] - self._found.base.share[row])
            )
            return f"{where}, {self._both.names[names[0]]} lost as much, and the sum of both is what it was"
        return ""

    def _difference(self, mask: Bools) -> tuple[float, float]:
        """By how much the share of some stacks grew, and its standard error."""
        outside = self._stable & ~mask
        base, new = (side.counts[mask].sum(axis=0)[None, :] for side in (self._both.base, self._both.new))
        rest = [side.counts[outside].sum(axis=0)[None, :] for side in (self._both.base, self._both.new)]
        found = compare(base, base + rest[0], new, new + rest[1], moderate=False)
        shares = found.base.share[0], found.new.share[0]
        variance = sum(
            4 * share * (1 - share) * float(side.variance[0])
            for share, side in zip(shares, (found.base, found.new), strict=True)
        )
        return float(shares[1] - shares[0]), float(np.sqrt(variance))


def went_away(base: F64, base_of: F64, new: F64, new_of: F64) -> bool:
    """Whether the last windows of NEW are back to BASE, and the first ones were not; shapes (W,)."""
    tail = max(MIN_TAIL, new.size // TAIL)
    if new.size < 2 * tail:
        return False

    def against(x: F64, of: F64, y: F64, of_y: F64) -> Shares:
        return compare(x[None, :], of[None, :], y[None, :], of_y[None, :], moderate=False)

    early = against(base, base_of, new[:-tail], new_of[:-tail])
    late = against(base, base_of, new[-tail:], new_of[-tail:])
    fell = against(new[:-tail], new_of[:-tail], new[-tail:], new_of[-tail:])
    grown = float(early.new.share[0] - early.base.share[0])
    left = float(late.new.share[0] - late.base.share[0])
    return bool(fell.shrunk[0] < 0.01 and late.grown[0] > 0.01 and left < 0.25 * grown)

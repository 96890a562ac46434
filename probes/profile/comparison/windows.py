"""Profiles of two sides as windows over one table of stacks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from probes.arrays import grouped
from probes.errors import ProbeError
from probes.profile.facts import F64, I32, I64, U64, Bools, ProfileFacts
from probes.profile.stacks.names import Names
from probes.profile.stacks.tally import Stacks, work

MAX_CELLS = 24_000_000
"""Stacks times windows of one side: neighbouring windows are added up beyond it."""
_COUNTED = {"cpu": "samples", "block": "contentions", "goroutine": "goroutine", "threadcreate": "threadcreate"}
"""Which sample type holds counts, by kind; those of heap profiles are bytes, sampled once in a period."""


class Incompatible(ProbeError):
    """Profiles of different things cannot be compared."""


class Side(Struct, frozen=True):
    """The windows of one side, in the order of their times. K stacks, W windows.

    Attributes:
        label: what they are of, for messages.
        counts: samples of each stack in each window, float64 (K, W).
        cost: what one sample stands for, in `Comparison.unit`; the mean over all windows.
        seconds: the length of each window, float64 (W).
        starts: seconds since 1970, float64 (W); 0 where unknown.
        requests: served in all windows; None where they were not counted.
    """

    label: str
    counts: F64
    cost: float
    seconds: F64
    starts: F64
    requests: float | None = None

    @property
    def totals(self) -> F64:
        """Samples in each window, shape (W,)."""
        return np.asarray(self.counts.sum(axis=0))


class Comparison:
    """Two sides over one table of stacks of identities."""

    def __init__(  # noqa: PLR0913 - keywords, one a fact
        self, names: Sequence[str], table: Stacks, base: Side, new: Side, *, kind: str, unit: str
    ) -> None:
        self.names = names
        self.table = table
        self.base, self.new = base, new
        self.kind, self.unit = kind, unit
        self.leaves: I64 = table.leaves().astype(np.int64)
        self.functions, self.members = table.members()
        self._starts = np.flatnonzero(np.diff(self.functions, prepend=-1))

    def flat(self, counts: F64) -> F64:
        """`counts` (K, W) by innermost function: (F, W)."""
        out = np.zeros((len(self.names), counts.shape[1]))
        for window in range(counts.shape[1]):
            out[:, window] = np.bincount(self.leaves, weights=counts[:, window], minlength=len(self.names))
        return out

    def cumulative(self, counts: F64) -> F64:
        """`counts` (K, W) by function that the stack has anywhere: (F, W)."""
        out = np.zeros((len(self.names), counts.shape[1]))
        if not self._starts.size:
            return out
        present = self.functions[self._starts]
        if self.members.size * counts.shape[1] <= MAX_CELLS:
            out[present] = np.add.reduceat(counts[self.members], self._starts, axis=0)
            return out
        for window in range(counts.shape[1]):
            out[present, window] = np.add.reduceat(counts[self.members, window], self._starts)
        return out

    def holding(self, function: int) -> Bools:
        """Which stacks have `function`, shape (K,)."""
        first, last = np.searchsorted(self.functions, [function, function + 1])
        out = np.zeros(len(self.table), dtype=np.bool_)
        out[self.members[first:last]] = True
        return out


def compare_windows(
    base: Sequence[ProfileFacts],
    new: Sequence[ProfileFacts],
    *,
    labels: tuple[str, str] = ("BASE", "NEW"),
    requests: tuple[float | None, float | None] = (None, None),
    column: str = "",
) -> Comparison:
    """Both sides' profiles, each a window, over one table of stacks.

    Args:
        base: in the order of their times.
        new: the same.
        labels: of the sides.
        requests: served by each side while its windows were taken; None where they were not counted.
        column: the sample type that is compared, such as `inuse_space`; the usual one of the kind when empty.

    Raises:
        Incompatible: a side has no profile, or profiles of other sample types.
    """
    kind, unit = _kind(base, new, labels, column)
    names = Names()
    sides = [[work(profile, names) for profile in side] for side in (base, new)]
    table, rows = _unique([each for side in sides for each in side], len(names))
    made = []
    for number, (profiles, label, served) in enumerate(zip((base, new), labels, requests, strict=True)):
        mine = rows[: len(profiles)] if number == 0 else rows[len(base) :]
        made.append(_side(profiles, mine, len(table), label, served, column))
    return Comparison(names.names, table, made[0], made[1], kind=kind, unit=unit)


def _kind(
    base: Sequence[ProfileFacts], new: Sequence[ProfileFacts], labels: tuple[str, str], column: str
) -> tuple[str, str]:
    for side, label in ((base, labels[0]), (new, labels[1])):
        if not side:
            raise Incompatible("no profile to compare", subject=label, hint="a directory needs *.pb.gz files")
    first = base[0]
    for profile in (*base[1:], *new):
        if profile.sample_types != first.sample_types:
            ours, theirs = ("/".join(each.type for each in p.sample_types) for p in (first, profile))
            raise Incompatible(
                f"a profile of {theirs} cannot be compared with one of {ours} ({first.subject})",
                subject=profile.subject,
                hint="compare profiles of one kind",
            )
    return first.kind, first.sample_types[_columns(first, column)[1]].unit


def _columns(profile: ProfileFacts, column: str) -> tuple[int, int]:
    """The column that is counted, and the one that says what it costs."""
    try:
        cost = profile.column(column)
        return profile.column(_COUNTED[profile.kind]) if profile.kind in _COUNTED else cost, cost
    except KeyError as exc:
        known = ", ".join(each.type for each in profile.sample_types)
        raise Incompatible(
            f"no sample type {exc.args[0]}", subject=profile.subject, hint=f"sample types are {known}"
        ) from exc


def _side(  # noqa: PLR0913, PLR0917 - keywords, one a fact
    profiles: Sequence[ProfileFacts], rows: list[I64], stacks_in_all: int, label: str, served: float | None, column: str
) -> Side:
    counted, costly = _columns(profiles[0], column)
    merged = max(1, -(-stacks_in_all * len(profiles) // MAX_CELLS))
    width = -(-len(profiles) // merged)
    counts = np.zeros((stacks_in_all, width))
    seconds, starts = np.zeros(width), np.zeros(width)
    spent = 0.0
    for at, (profile, row) in enumerate(zip(profiles, rows, strict=True)):
        window = at // merged
        # A difference of two profiles has negative values; a window cannot have fewer samples than none.
        values = np.maximum(profile.values[:, counted], 0).astype(np.float64)
        if counted == costly and profile.sample_types[counted].unit == "bytes" and profile.period > 1:
            values /= profile.period
        counts[:, window] += np.bincount(row, weights=values, minlength=stacks_in_all)
        spent += float(np.maximum(profile.values[:, costly], 0).sum(dtype=np.float64))
        seconds[window] += profile.duration_nanos / 1e9
        starts[window] = starts[window] or profile.time_nanos / 1e9
    total = float(counts.sum())
    return Side(label, counts, spent / total if total else 0.0, seconds, starts, served)


def _unique(found: list[Stacks], functions: int) -> tuple[Stacks, list[I64]]:
    """All different stacks, and the row of each of the given ones."""
    # Two stacks are the same when 64 bits of them are: one random number a function, multiplied up along the stack.
    draws = _draws(functions + 1)
    first, inverse = grouped(np.concatenate([_hashes(each, draws) for each in found]))
    bounds = np.cumsum([0, *(len(each) for each in found)])
    pieces, lengths = [], []
    for number, each in enumerate(found):
        mine = first[(first >= bounds[number]) & (first < bounds[number + 1])] - bounds[number]
        mine.sort()
        size = np.diff(each.offsets)[mine]
        ends = np.cumsum(size)
        index = np.arange(int(ends[-1]) if ends.size else 0) + np.repeat(each.offsets[mine] - (ends - size), size)
        pieces.append(each.frames[index])
        lengths.append(size)
    place = np.empty(first.size, dtype=np.int64)
    place[np.argsort(first, kind="stable")] = np.arange(first.size)
    rows = place[inverse]
    offsets = np.concatenate(([0], np.cumsum(np.concatenate(lengths)))).astype(np.int64)
    table = Stacks(offsets, np.concatenate(pieces).astype(np.int32))
    return table, [rows[bounds[i] : bounds[i + 1]] for i in range(len(found))]


def _draws(count: int) -> U64:
    """Numbers that look random, always the same, by splitmix64 (Steele and others 2014): numpy.random is slow to import."""
    drawn = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    drawn = (drawn ^ (drawn >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    drawn = (drawn ^ (drawn >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return drawn ^ (drawn >> np.uint64(31))


def _hashes(found: Stacks, draws: U64) -> U64:
    if not len(found):
        return np.zeros(0, dtype=np.uint64)
    depth = np.diff(found.offsets)
    powers = np.cumprod(np.full(int(depth.max()) + 1, draws[-1] | np.uint64(1), dtype=np.uint64), dtype=np.uint64)
    level = np.arange(found.frames.size, dtype=np.int64) - np.repeat(found.offsets[:-1], depth)
    return np.add.reduceat(draws[found.frames] * powers[level], found.offsets[:-1], dtype=np.uint64)


def frames_of(table: Stacks, row: int) -> I32:
    """The frames of one stack, the leaf first."""
    return table.frames[table.offsets[row] : table.offsets[row + 1]]

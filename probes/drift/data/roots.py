"""Where the comparison of data begins: variables by name, or, in stripped programs, the data between known places."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from probes.binary.image import I64
from probes.drift.data.facts import UndecidedData
from probes.drift.data.walk import Piece, Walk
from probes.drift.side import Side
from probes.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from probes.drift.meaning import Meaning
    from probes.drift.variables import Variables

WORD = 8
MAX_VALUE = 1 << 26
"""Bytes; a larger variable is not compared."""

OF_THE_BUILD = frozenset({
    "runtime.buildVersion",
    "runtime.defaultGOROOT",
    "runtime.godebugDefault",
    "runtime.modinfo",
    "runtime.runtime_inittasks",
    "internal/buildcfg.DefaultGOROOT",
})  # fmt: skip
"""Variables into which the linker writes what build, modules and GODEBUG are compared by."""

INITIALISED = (0, 1)
"""Of `variables.KINDS`: sections with initial values."""


@dataclass(frozen=True, slots=True)
class Root:
    """A variable, or unnamed data. `row`: of the variable in either table, -1 without one; addresses and bytes."""

    name: str
    package: str
    old: int
    new: int
    size: int
    rows: tuple[int, int] = (-1, -1)


def named(variables: Variables) -> tuple[list[Root], list[UndecidedData], int]:
    """The variables that have an initial value on either side and one size on both.

    Returns:
        them; those that are too large; the number of bytes of OLD's initialised variables.
    """
    old, new = variables.tables
    out: list[Root] = []
    beyond: list[UndecidedData] = []
    for name, a, b in variables.both:
        given = int(old.kind[a]) in INITIALISED or int(new.kind[b]) in INITIALISED
        if not given or old.size[a] != new.size[b] or name in OF_THE_BUILD:
            continue
        size = int(old.size[a])
        if size > MAX_VALUE:
            beyond.append(UndecidedData(name, new.packages[b], f"it has {size:,} bytes, more than are compared"))
        else:
            out.append(Root(name, new.packages[b], int(old.address[a]), int(new.address[b]), size, (a, b)))
    total = int(old.size[np.isin(old.kind, INITIALISED)].sum())
    return out, beyond, total


def unnamed(meaning: Meaning) -> tuple[list[Root], list[UndecidedData], int]:
    """The initialised data of stripped programs, cut where code or other data is known to refer to the same on both sides.

    What lies between two such places belongs together where it is equally long on both sides. Where something was
    added or removed between them, all that begins or ends alike is the same; of the rest nothing is known.
    """
    links = meaning.learned.old, meaning.learned.new
    roots, gaps = _cut(meaning, links)
    walk = Walk(meaning)
    walk.run([Piece(i, r.old, r.new, r.size) for i, r in enumerate(roots)])
    if walk.anchors:  # pointers that lead to the same tell of more places
        more = np.array(sorted(set(walk.anchors)), dtype=np.int64).reshape(-1, 2)
        more = more[~meaning.learned.contradicts(more[:, 0], more[:, 1])]
        links = np.concatenate((links[0], more[:, 0])), np.concatenate((links[1], more[:, 1]))
        roots, gaps = _cut(meaning, links)
    lost = _unmatched(meaning, gaps)
    undecided = []
    if lost:
        what = f"{lost:,} bytes of it could not be matched: variables were added, removed or resized among them"
        undecided.append(UndecidedData("initialised data", "", what))
    return roots, undecided, sum(end - start for start, end in meaning.old.module.data)


Gap = tuple[int, int, int, int]
"""Start and size in OLD, start and size in NEW."""


def _cut(meaning: Meaning, links: tuple[I64, I64]) -> tuple[list[Root], list[Gap]]:
    """Pieces of equal size on both sides, and the gaps between others."""
    roots: list[Root] = []
    gaps: list[Gap] = []
    aligned = (links[0] % WORD == 0) & (links[1] % WORD == 0)
    for (first, last), (start, end) in zip(meaning.old.module.data, meaning.new.module.data, strict=True):
        # A piece should not end within a word that may be a pointer. Only where pieces do not fit, small variables tell.
        level, rest = _level((first, last, start, end), (links[0][aligned], links[1][aligned]))
        for gap in rest:
            more, left = _level(gap, links)
            level += more
            gaps += [(a, x - a, b, y - b) for a, x, b, y in left]
        for old, new, size in level:
            if not _linker_made(meaning.old, old, old + size) and size <= MAX_VALUE:
                roots.append(Root("", "", old, new, size))
    return sorted(roots, key=lambda root: root.old), gaps


def _level(
    area: tuple[int, int, int, int], links: tuple[I64, I64]
) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int, int]]]:
    """An area, start and end in OLD and in NEW, cut at `links`: (old, new, size) where sizes agree, and areas where not."""
    first, last, start, end = area
    inside = (links[0] > first) & (links[0] < last) & (links[1] > start) & (links[1] < end)
    pairs = sorted(set(zip(links[0][inside].tolist(), links[1][inside].tolist(), strict=True)))
    places = [(first, start), *_rising(pairs), (last, end)]
    level: list[tuple[int, int, int]] = []
    rest: list[tuple[int, int, int, int]] = []
    for (a, b), (x, y) in pairwise(places):
        if x - a != y - b:
            rest.append((a, x, b, y))
        elif x > a:
            level.append((a, b, x - a))
    return level, rest


def _rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest part of `pairs` that rises strictly in both elements, which order them."""
    ordered = sorted(
        pairs, key=lambda pair: (pair[0], -pair[1])
    )  # of two with one first element, only one can be taken
    tails: list[int] = []
    at: list[int] = []
    before: list[int] = []
    for index, (_, value) in enumerate(ordered):
        place = bisect_left(tails, value)
        before.append(at[place - 1] if place else -1)
        tails[place : place + 1] = [value]
        at[place : place + 1] = [index]
    out = []
    index = at[-1] if at else -1
    while index >= 0:
        out.append(ordered[index])
        index = before[index]
    return out[::-1]


def _linker_made(side: Side, start: int, end: int) -> bool:
    """Whether the data from `start` to `end` is the module data, which every build changes."""
    return start <= side.module.address < end


def _unmatched(meaning: Meaning, gaps: list[Gap]) -> int:
    """Bytes of gaps that neither begin nor end alike on both sides."""
    sized = [
        (gap, min(gap[1], gap[3]) // 8 * 8) for gap in gaps if not _linker_made(meaning.old, gap[0], gap[0] + gap[1])
    ]
    sized = [(gap, size) for gap, size in sized if size]
    looked = [(gap, size) for gap, size in sized if size <= MAX_VALUE]
    head, tail = Walk(meaning), Walk(meaning)
    head.run([Piece(i, old, new, size) for i, ((old, _, new, _), size) in enumerate(looked)])
    tail.run(
        [
            Piece(i, old + ours - size, new + theirs - size, size)
            for i, ((old, ours, new, theirs), size) in enumerate(looked)
        ]
    )
    begins, ends = [size for _, size in looked], [size for _, size in looked]
    for each in head.differences:
        begins[each.piece.root] = min(begins[each.piece.root], each.offset)
    for each in tail.differences:
        ends[each.piece.root] = min(ends[each.piece.root], looked[each.piece.root][1] - each.offset - 8)
    lost = sum(size for _, size in sized if size > MAX_VALUE)
    return lost + sum(max(size - a - b, 0) for (_, size), a, b in zip(looked, begins, ends, strict=True))

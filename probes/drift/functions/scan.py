"""Find, among equally long function pairs, those whose code cannot be explained by mere moving.

Blocks of neighbouring functions are compared with one vector operation each. A pair is suspicious when a byte differs
outside of every operand that means the same, or when an operand means something else although its bytes are equal.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from probes.arrays import contains, distinct
from probes.drift.addresses.equivalence import Equivalence
from probes.drift.arch.architecture import architecture
from probes.drift.arch.windows import CODE, COVER, LEA, MEMORY
from probes.drift.side import NOWHERE, READONLY, TEXT, Side
from probes.elf.image import I64, U8
from probes.parallel import each

BLOCK = 1 << 20
"""Bytes of code a block: the intermediate arrays stay in the cache, and memory stays flat."""

WORKERS = 2
WIDEST = 64
"""Bytes that one instruction can read or write."""

Bools = npt.NDArray[np.bool_]


class Scan(Struct, frozen=True):
    """Verdict on each pair.

    `differs`: bytes are not the same, shape (k,). `places`: for each pair that must be decoded, by its position in the
    arguments, the suspicious offsets from the entry. `unexplained`: pairs, by position, of which a byte differs that lies
    in no possible operand at all.
    """

    differs: Bools
    places: dict[int, list[int]]
    unexplained: set[int]


class _Block(Struct, frozen=True):
    old: U8
    new: U8
    old_base: I64
    new_base: I64
    starts: I64


class _Rest(Struct, frozen=True):
    """What a block leaves open: differing bytes and windows that functions alone do not explain. Global positions."""

    bytes: I64
    position: I64
    old: I64
    new: I64
    kind: npt.NDArray[np.uint8]
    need: I64


def scan(equivalence: Equivalence, old_rows: I64, new_rows: I64) -> Scan:
    """Compare the functions `old_rows[i]` and `new_rows[i]`, which have equal code sizes, shape (k,).

    `meaning` is taught the variables of stripped programs on the way.
    """
    order = np.argsort(old_rows, kind="stable")
    old_rows, new_rows = old_rows[order], new_rows[order]
    sizes = equivalence.old.text.size[old_rows]
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    differs = np.zeros(old_rows.size, dtype=np.bool_)
    rests: list[_Rest] = []
    for different, rest in each(
        lambda s: _examine(_block(equivalence, old_rows[s], new_rows[s]), equivalence, int(offsets[s.start])),
        _slices(sizes),
        WORKERS,
    ):
        differs[np.searchsorted(offsets, different, side="right") - 1] = True
        rests.append(rest)
    places, unexplained = _settle(equivalence, rests, offsets, new_rows)
    back = np.empty_like(order)
    back[order] = np.arange(order.size)
    return Scan(
        differs[back],
        {int(order[pair]): found for pair, found in places.items()},
        {int(order[pair]) for pair in unexplained},
    )


def operands(side: Side, rows: I64, wanted: I64) -> Iterator[tuple[int, int]]:
    """(address, row) for every place in the code of `rows` that could be an operand that leads to one of `wanted`, sorted.

    On amd64 some are chance, and where a constant stands behind the operand, the address is too low by its bytes.
    """
    rows = np.sort(rows)
    find = architecture(side.image.arch).windows
    for part in _slices(side.text.size[rows]):
        chosen = rows[part]
        sizes = side.text.size[chosen]
        code = _gather(side.image.data, side.image.offsets(side.text.entry[chosen], 1), sizes)
        starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
        base = side.text.entry[chosen]
        found = find(code, code, base, base, starts)
        hits = np.flatnonzero(contains(wanted, found.old))
        owner = np.searchsorted(starts, found.position[hits], side="right") - 1
        yield from zip(found.old[hits].tolist(), chosen[owner].tolist(), strict=True)


def _slices(sizes: I64) -> Iterator[slice]:
    """Consecutive pairs, about `BLOCK` bytes at a time."""
    total = np.cumsum(sizes)
    first = 0
    while first < sizes.size:
        base = int(total[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(total, base + BLOCK, side="right")))
        yield slice(first, last)
        first = last


def _block(equivalence: Equivalence, old_rows: I64, new_rows: I64) -> _Block:
    """The code of some pairs, one function behind the other."""
    old, new = equivalence.old, equivalence.new
    sizes = old.text.size[old_rows]
    return _Block(
        old=_gather(old.image.data, old.image.offsets(old.text.entry[old_rows], 1), sizes),
        new=_gather(new.image.data, new.image.offsets(new.text.entry[new_rows], 1), sizes),
        old_base=old.text.entry[old_rows],
        new_base=new.text.entry[new_rows],
        starts=np.concatenate(([0], np.cumsum(sizes)[:-1])),
    )


def _gather(data: U8, at: I64, sizes: I64) -> U8:
    pieces = [data[a : a + n] for a, n in zip(at.tolist(), sizes.tolist(), strict=True)]
    return np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.uint8)


def _examine(block: _Block, equivalence: Equivalence, base: int) -> tuple[I64, _Rest]:
    """Global positions of the bytes that differ, and what is left open. Runs beside others: numpy releases the GIL."""
    find = architecture(equivalence.old.image.arch).windows
    found = find(block.old, block.new, block.old_base, block.new_base, block.starts)
    different = block.old != block.new
    same = equivalence.old.text.holds(found.old) & equivalence.new.text.holds(found.new)
    rows = np.flatnonzero(same)
    same[rows], entries = equivalence.functions_of_text(found.old[rows], found.new[rows])
    explained = np.flatnonzero(same)
    covered = np.zeros(different.size, dtype=np.bool_)
    for step in range(COVER):
        covered[found.position[explained] + step] = True
    # Branches that lead to the very entry of a function: by chance that hardly ever happens.
    certain = rows[entries & same[rows] & (found.kind[rows] == CODE)]
    rows = np.flatnonzero(~same)
    nowhere = equivalence.old.regions(found.old[rows]) == NOWHERE
    nowhere[nowhere] = equivalence.new.regions(found.new[rows[nowhere]]) == NOWHERE
    open_rows = rows[~nowhere]
    need = found.need[open_rows]
    if found.chance:
        # What looks like a memory operand, has not changed and leads into code is none: code is not read or written.
        calm = (found.kind[open_rows] == MEMORY) & ~_any_of(different, found.position[open_rows])
        keep = ~(calm & equivalence.old.text.holds(found.old[open_rows]))
        need = np.where(calm, np.maximum(need, WIDEST), need)[keep]
        open_rows = open_rows[keep]
    if open_rows.size and found.chance:
        alone = ~_overlaps(found.position[open_rows], found.position[certain])
        open_rows, need = open_rows[alone], need[alone]
    return np.flatnonzero(different) + base, _Rest(
        bytes=np.flatnonzero(different & ~covered) + base,
        position=found.position[open_rows] + base,
        old=found.old[open_rows],
        new=found.new[open_rows],
        kind=found.kind[open_rows],
        need=need,
    )


def _any_of(marks: Bools, position: I64) -> Bools:
    """Whether any byte of each window is marked."""
    out = marks[position].copy()
    for step in range(1, COVER):
        out |= marks[position + step]
    return out


def _overlaps(positions: I64, certain: I64) -> Bools:
    """Whether each window shares bytes with a certain one, which then shows it to be chance."""
    if not certain.size:
        return np.zeros(positions.shape, dtype=np.bool_)
    at = np.searchsorted(certain, positions, side="right")
    below = certain[np.maximum(at - 1, 0)]
    above = certain[np.minimum(at, certain.size - 1)]
    return ((positions - below < 4) & (at > 0)) | ((above - positions < 5) & (at < certain.size))


def _settle(
    equivalence: Equivalence, rests: list[_Rest], offsets: I64, new_rows: I64
) -> tuple[dict[int, list[int]], set[int]]:
    """Resolve the data references of all blocks together; what stays suspicious, by pair, and what is unexplained.

    `rests` is emptied.
    """
    if not rests:
        return {}, set()
    bytes_left = np.concatenate([r.bytes for r in rests])
    position = np.concatenate([r.position for r in rests])
    old = np.concatenate([r.old for r in rests])
    new = np.concatenate([r.new for r in rests])
    kind = np.concatenate([r.kind for r in rests])
    need = np.concatenate([r.need for r in rests])
    rests.clear()  # here is the peak of memory
    owner = np.searchsorted(offsets, position, side="right") - 1
    ours, theirs = equivalence.old.regions(old), equivalence.new.regions(new)
    data = (ours == theirs) & (ours != TEXT) & (ours != NOWHERE)
    taken = data & (kind == LEA) & (ours == READONLY)
    equivalence.note_starts(old[taken], new[taken])
    sized = np.flatnonzero(taken & (need > 0))
    equivalence.note_texts(old[sized], need[sized])
    equivalence.read_starts = distinct(old[data & (kind == MEMORY) & (ours == READONLY)])
    votes = np.flatnonzero(data & (ours != READONLY))
    equivalence.learn(old[votes], new[votes], owner[votes])
    equivalence.users = new[votes], new_rows[owner[votes]]
    same = np.zeros(position.size, dtype=np.bool_)
    rows = np.flatnonzero((ours != NOWHERE) & (theirs != NOWHERE))
    if rows.size:
        same[rows] = _unique_same(equivalence, old[rows], new[rows], kind[rows], need[rows])
    left = bytes_left[~_inside(bytes_left, position[same])]
    suspicious = distinct(np.concatenate((left, position[~same])))
    owners = np.searchsorted(offsets, suspicious, side="right") - 1
    places: dict[int, list[int]] = {}
    for pair, place in zip(owners.tolist(), (suspicious - offsets[owners]).tolist(), strict=True):
        places.setdefault(pair, []).append(place)
    left = left[~_inside(left, position)]
    return places, set((np.searchsorted(offsets, left, side="right") - 1).tolist())


def _unique_same(equivalence: Equivalence, old: I64, new: I64, kind: npt.NDArray[np.uint8], need: I64) -> Bools:
    """`Equivalence.same` on distinct references only: most are made many times."""
    order = np.lexsort((need, kind, new, old))
    a, b, c, d = old[order], new[order], kind[order], need[order]
    fresh = np.ones(order.size, dtype=np.bool_)
    fresh[1:] = (a[1:] != a[:-1]) | (b[1:] != b[:-1]) | (c[1:] != c[:-1]) | (d[1:] != d[:-1])
    distinct_ones = a[fresh], b[fresh], c[fresh], d[fresh]
    del a, b, c, d
    verdict = equivalence.same(*distinct_ones)
    out = np.empty(order.size, dtype=np.bool_)
    out[order] = verdict[np.cumsum(fresh) - 1]
    return out


def _inside(places: I64, windows_at: I64) -> Bools:
    """Whether each place lies in one of the windows; places and the positions of the windows are sorted."""
    out = np.zeros(places.shape, dtype=np.bool_)
    if not windows_at.size or not places.size:
        return out
    # Marks, for there are many of both; piece by piece, so that what is marked stays small.
    for base in range(int(places[0]), int(places[-1]) + 1, BLOCK):
        first, last = np.searchsorted(places, (base, base + BLOCK)).tolist()
        if first == last:
            continue
        low, high = np.searchsorted(windows_at, (base - COVER + 1, base + BLOCK)).tolist()
        at = windows_at[low:high] - base + COVER
        marks = np.zeros(BLOCK + 2 * COVER, dtype=np.bool_)
        for step in range(COVER):
            marks[at + step] = True
        out[first:last] = marks[places[first:last] - base + COVER]
    return out

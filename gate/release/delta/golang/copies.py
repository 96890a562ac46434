"""Which bytes of the old image are where in the new one.

Windows of bytes that occur once in the old image are looked up for every place of the new one; what is between two finds is shared out so that
most bytes are equal, as bsdiff does. References are blanked before, so that code that moved is the same code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Copy = tuple[int, int, int]
    """Start in the new image, start in the old one, length."""

    I64 = NDArray[np.int64]
    U8 = NDArray[np.uint8]
    U64 = NDArray[np.uint64]

LOG = 5
"""Windows are of 2**5 bytes."""

PIECE = 1 << 22
"""Places whose windows are hashed at a time."""

MULTIPLIER = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1


def _hashes(data: U8, start: int, stop: int) -> U64:
    """A hash of the window at each place from `start` to `stop`, as far as there are whole ones."""
    found = data[start : stop + (1 << LOG) - 1].astype(np.uint64) + np.uint64(1)
    factor = MULTIPLIER
    for step in range(LOG):
        length = 1 << step
        if found.size <= length:
            return np.empty(0, np.uint64)
        found = found[:-length] * np.uint64(factor) + found[length:]
        factor = factor * factor & MASK
    found ^= found >> np.uint64(29)
    return found * np.uint64(MULTIPLIER)


class _Windows:
    """Where each window is that occurs once in an image. `check` tells those apart that share a slot."""

    def __init__(self, data: U8) -> None:
        self.bits = min(26, max(16, (4 * data.size).bit_length()))
        self.place = np.full(1 << self.bits, -1, np.int32)
        self.check = np.zeros(1 << self.bits, np.uint32)
        many = np.zeros(1 << self.bits, np.bool_)
        for start in range(0, data.size, PIECE):
            hashes = _hashes(data, start, min(start + PIECE, data.size))
            slot = self.slots(hashes)
            own = np.arange(start, start + slot.size, dtype=np.int32)
            many[slot[self.place[slot] >= 0]] = True
            self.place[slot] = own
            many[slot[self.place[slot] != own]] = True
            self.check[slot] = hashes.astype(np.uint32)
        self.place[many] = -1

    def slots(self, hashes: U64) -> I64:
        """Slots by hash."""
        return (hashes >> np.uint64(64 - self.bits)).astype(np.int64)


def find_runs(old: U8, new: U8) -> tuple[I64, I64, I64]:
    """Runs of equal bytes: their starts in `new` and in `old`, and their lengths; ascending in `new`, not overlapping."""
    empty = np.empty(0, np.int64)
    size = 1 << LOG
    if min(old.size, new.size) < size:
        return empty, empty, empty
    windows = _Windows(old)
    places, sources = [], []
    for start in range(0, new.size, PIECE):
        hashes = _hashes(new, start, min(start + PIECE, new.size))
        slot = windows.slots(hashes)
        source = windows.place[slot]
        hit = np.flatnonzero((source >= 0) & (windows.check[slot] == hashes.astype(np.uint32)))
        places.append(start + hit.astype(np.int64))
        sources.append(source[hit].astype(np.int64))
    at, source = np.concatenate(places), np.concatenate(sources)
    if not at.size:
        return empty, empty, empty
    shift = source - at
    breaks = np.flatnonzero((shift[1:] != shift[:-1]) | (at[1:] - at[:-1] > size)) + 1
    starts = np.concatenate(([0], breaks))
    ends = np.concatenate((breaks, [at.size])) - 1
    begin, end, from_ = at[starts], at[ends] + size, source[starts]
    over = np.maximum(0, np.maximum.accumulate(end)[:-1] - begin[1:])  # a run begins behind the one before
    begin[1:] += over
    from_[1:] += over
    length = end - begin
    good = length >= size // 2
    return begin[good], from_[good], length[good]


def find_copies(old: U8, new: U8) -> list[Copy]:
    """Copies that make as much of `new` from `old` as is worth it; ascending in `new`, not overlapping."""
    starts, sources, lengths = find_runs(old, new)
    out: list[Copy] = []
    last_end, last_shift = 0, None
    for start, source, size in zip(starts.tolist(), sources.tolist(), lengths.tolist(), strict=True):
        cut = max(0, last_end - start)
        if cut >= size:
            continue
        at, end, shift = start + cut, start + size, source - start
        gap = (last_end, at)
        if out and shift == last_shift and _alike(old, new, gap, shift):
            out[-1] = (*out[-1][:2], end - out[-1][0])
        else:
            forward, backward = _share(old, new, gap, last_shift, shift)
            _extend(out, forward)
            out.append((at - backward, at - backward + shift, end - at + backward))
        last_end, last_shift = end, shift
    if out:
        _extend(out, _share(old, new, (last_end, new.size), last_shift, None)[0])
    return out


def _extend(copies: list[Copy], more: int) -> None:
    """Let the last copy go on for `more` bytes."""
    if copies:
        at, source, length = copies[-1]
        copies[-1] = (at, source, length + more)


def combine(copies: list[Copy], better: list[Copy], regions: list[tuple[int, int]]) -> list[Copy]:
    """`better` instead of what `copies` have between the bounds of `regions` of the new image; what goes on is one copy."""
    kept = copies
    for low, high in regions:
        kept = [part for copy in kept for part in _outside(copy, low, high)]
    out: list[Copy] = []
    for at, source, length in sorted(kept + better):
        begin, from_, size = at, source, length
        if out:
            last_at, last_source, last_length = out[-1]
            over = max(0, last_at + last_length - begin)
            begin, from_, size = begin + over, from_ + over, size - over
            if size > 0 and last_at + last_length == begin and last_source + last_length == from_:
                out[-1] = (last_at, last_source, last_length + size)
                continue
        if size > 0:
            out.append((begin, from_, size))
    return out


def _outside(copy: Copy, low: int, high: int) -> list[Copy]:
    at, source, length = copy
    if at + length <= low or at >= high:
        return [copy]
    parts = [(at, source, low - at)] if at < low else []
    if at + length > high:
        parts.append((high, source + high - at, at + length - high))
    return parts


def _alike(old: U8, new: U8, gap: tuple[int, int], shift: int) -> bool:
    """Whether the bytes of a gap between two runs of the same shift are worth to be copied as well."""
    start, end = gap
    if end <= start:
        return True
    equal = int(np.count_nonzero(old[start + shift : end + shift] == new[start:end]))
    return 3 * equal >= end - start or end - start < 16


def _share(old: U8, new: U8, bounds: tuple[int, int], before: int | None, after: int | None) -> tuple[int, int]:
    """How many bytes between the `bounds` in `new` go to the copy before them, and how many to the one behind; `before`, `after`: their shifts."""
    start, gap = bounds[0], bounds[1] - bounds[0]
    if gap <= 0:
        return 0, 0
    forward = backward = 0
    if before is not None:
        length = min(gap, old.size - start - before)
        forward = (
            _best(old[start + before : start + before + length] == new[start : start + length]) if length > 0 else 0
        )
    if after is not None:
        end = start + gap
        length = min(gap, end + after)
        backward = (
            _best((old[end + after - length : end + after] == new[end - length : end])[::-1]) if length > 0 else 0
        )
    if forward + backward > gap and before is not None and after is not None:
        # Both want the middle: it is cut where most bytes are equal.
        low, high = gap - backward, forward
        left = old[start + before + low : start + before + high] == new[start + low : start + high]
        right = old[start + after + low : start + after + high] == new[start + low : start + high]
        gain = np.concatenate(([0], np.cumsum(left))) + np.concatenate((np.cumsum(right[::-1])[::-1], [0]))
        cut = low + int(np.argmax(gain))
        forward, backward = cut, gap - cut
    return forward, backward


def _best(equal: NDArray[np.bool_]) -> int:
    """The length up to which equal bytes outnumber others the most."""
    score = np.cumsum(np.where(equal, 1, -1))
    best = int(np.argmax(score)) if score.size else 0
    return best + 1 if score.size and score[best] > 0 else 0

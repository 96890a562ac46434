"""Package initialisers: which came, went, and changed places."""

from __future__ import annotations

from bisect import bisect_left

from probes.drift.facts import InitDrift


def init_drift(old: tuple[str, ...], new: tuple[str, ...]) -> InitDrift:
    """Compare two calling orders. `reordered`: the fewest names whose moving explains the new order."""
    ours, theirs = set(old), set(new)
    common_old = [n for n in dict.fromkeys(old) if n in theirs]
    rank = {n: i for i, n in enumerate(dict.fromkeys(n for n in new if n in ours))}
    stable = longest_rise([rank[n] for n in common_old])
    return InitDrift(
        old=len(old),
        new=len(new),
        added=tuple(n for n in dict.fromkeys(new) if n not in ours),
        removed=tuple(n for n in dict.fromkeys(old) if n not in theirs),
        reordered=tuple(n for n in common_old if rank[n] not in stable),
    )


def longest_rise(values: list[int]) -> set[int]:
    """A longest increasing subsequence of distinct numbers (patience sorting)."""
    tails: list[int] = []
    where: dict[int, int] = {}
    before: dict[int, int | None] = {}
    for value in values:
        at = bisect_left(tails, value)
        before[value] = tails[at - 1] if at else None
        if at == len(tails):
            tails.append(value)
        else:
            tails[at] = value
        where[value] = at
    out: set[int] = set()
    current: int | None = tails[-1] if tails else None
    while current is not None:
        out.add(current)
        current = before[current]
    return out

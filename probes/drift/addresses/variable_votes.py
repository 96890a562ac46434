"""Which variable of OLD is which of NEW, learned from the code that refers to them.

Stripped programs name no data. But a function whose code did not change refers to the same variables on both sides, so
every such reference is a vote. The map must stay a function both ways, and nearly monotone: the linker keeps the order.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from probes.elf.image import I64


class Correspondence:
    """A partial one-to-one map of addresses. `old` is sorted, `new` belongs to it; both int64, shape (k,)."""

    def __init__(self, old: I64, new: I64, voters: I64, *, identity: bool = False) -> None:
        """Learn from votes: `old[i]` and `new[i]` were referred to at the same place of function pair `voters[i]`.

        With `identity`, nothing moved, and there is nothing to learn.
        """
        self.identity = identity
        if identity:
            old = new = voters = np.zeros(0, dtype=np.int64)
        self.old, self.new = _elect(old, new, voters)
        order = np.argsort(self.new)
        self._new_sorted, self._old_by_new = self.new[order], self.old[order]

    def forward(self, addresses: I64) -> I64:
        """NEW's address for each of OLD's, -1 where nothing was learned."""
        return addresses if self.identity else _look_up(self.old, self.new, addresses)

    def backward(self, addresses: I64) -> I64:
        """OLD's address for each of NEW's, -1 where nothing was learned."""
        return addresses if self.identity else _look_up(self._new_sorted, self._old_by_new, addresses)

    def same(self, old: I64, new: I64) -> npt.NDArray[np.bool_]:
        """Whether each pair is one variable."""
        out: npt.NDArray[np.bool_] = self.forward(old) == new
        return out

    def contradicts(self, old: I64, new: I64) -> npt.NDArray[np.bool_]:
        """Whether either end of each pair is known to belong to something else."""
        there, back = self.forward(old), self.backward(new)
        out: npt.NDArray[np.bool_] = ((there >= 0) & (there != new)) | ((back >= 0) & (back != old))
        return out


def _look_up(keys: I64, values: I64, wanted: I64) -> I64:
    if not keys.size:
        return np.full(wanted.shape, -1, dtype=np.int64)
    at = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    return np.where(keys[at] == wanted, values[at], -1)


def _elect(old: I64, new: I64, voters: I64) -> tuple[I64, I64]:
    if not old.size:
        return old, new
    order = np.lexsort((voters, new, old))
    old, new, voters = old[order], new[order], voters[order]
    fresh = np.ones(old.size, dtype=np.bool_)
    fresh[1:] = (old[1:] != old[:-1]) | (new[1:] != new[:-1]) | (voters[1:] != voters[:-1])
    old, new = old[fresh], new[fresh]
    first = np.ones(old.size, dtype=np.bool_)
    first[1:] = (old[1:] != old[:-1]) | (new[1:] != new[:-1])
    starts = np.flatnonzero(first)
    votes = np.diff(np.append(starts, old.size))
    old, new = old[starts], new[starts]
    clean = (_multiplicity(old) == 1) & (_multiplicity(new) == 1)
    score = votes * 4
    if clean.any():
        # Among rivals, one that moved exactly as its undisputed neighbours did is most likely the true one.
        anchor, delta = old[clean], (new - old)[clean]
        after = np.searchsorted(anchor, old)
        below = delta[np.clip(after - 1, 0, anchor.size - 1)]
        above = delta[np.clip(after, 0, anchor.size - 1)]
        shift = new - old
        score = score + 3 * ((shift == below) | (shift == above)) + 2 * ((shift == below) & (shift == above))
    best = _best(old, score) & _best(new, score)
    return old[best], new[best]


def _multiplicity(values: I64) -> I64:
    """How often each of `values` occurs among them."""
    ordered = np.sort(values)
    return (np.searchsorted(ordered, values, side="right") - np.searchsorted(ordered, values)).astype(np.int64)


def _best(group: I64, score: I64) -> npt.NDArray[np.bool_]:
    """Marks the one highest score of each group; none where the highest is shared."""
    order = np.lexsort((-score, group))
    sorted_group, sorted_score = group[order], score[order]
    head = np.ones(group.size, dtype=np.bool_)
    head[1:] = sorted_group[1:] != sorted_group[:-1]
    tied = np.zeros(group.size, dtype=np.bool_)
    tied[:-1] = head[:-1] & (sorted_group[1:] == sorted_group[:-1]) & (sorted_score[1:] == sorted_score[:-1])
    out = np.zeros(group.size, dtype=np.bool_)
    out[order[head & ~tied]] = True
    return out

"""Caches of type assertions and interface switches: writable, yet what they look up is part of the code that uses them.

internal/abi, switch.go: `TypeAssert{Cache, Inter *InterfaceType, CanFail bool}` and `InterfaceSwitch{Cache, NCases int,
Cases [NCases]*InterfaceType}`, both since Go 1.22. The compiler numbers them, so their names say nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from probes.drift.addresses.descriptors import type_hash
from probes.drift.side import NOWHERE, Side
from probes.elf.image import I64

INTERFACE = 20
"""abi.Interface, a Kind."""
MAX_CASES = 256


def is_cache(side: Side, addresses: I64) -> npt.NDArray[np.bool_]:
    """Whether a cache of either kind begins at each of `addresses`, shape (k,)."""
    out: npt.NDArray[np.bool_] = (addresses % 8 == 0) & (
        side.regions(side.words_at(addresses).view(np.int64)) != NOWHERE
    )
    rows = np.flatnonzero(out)
    second, third = (side.words_at(addresses[rows] + at).view(np.int64) for at in (8, 16))
    several = (second > 0) & (second <= MAX_CASES) & _interfaces(side, third)
    out[rows] = _interfaces(side, second) | several
    return out


def same(old: Side, here: I64, new: Side, there: I64) -> npt.NDArray[np.bool_]:
    """Whether the caches at `here[i]` in OLD and `there[i]` in NEW look up the same interfaces, shape (k,)."""
    a, fails = (old.words_at(here + at).view(np.int64) for at in (8, 16))
    b, also = (new.words_at(there + at).view(np.int64) for at in (8, 16))
    several, too = (a > 0) & (a <= MAX_CASES), (b > 0) & (b <= MAX_CASES)
    out: npt.NDArray[np.bool_] = (several == too) & np.where(several, a == b, fails & 1 == also & 1)
    rows = np.flatnonzero(out & ~several)
    out[rows] = _equal(old, a[rows], new, b[rows])
    rows = np.flatnonzero(out & several)
    count = a[rows]
    owner = np.repeat(rows, count)
    step = 16 + 8 * (np.arange(owner.size) - np.repeat(np.cumsum(count) - count, count))
    cases = (side.words_at(at[owner] + step).view(np.int64) for side, at in ((old, here), (new, there)))
    ours, theirs = cases
    out[owner[~_equal(old, ours, new, theirs)]] = False
    return out


def _equal(old: Side, a: I64, new: Side, b: I64) -> npt.NDArray[np.bool_]:
    """Whether the addresses are descriptors of the same type."""
    (kind, known), (other, found) = type_hash(old, a), type_hash(new, b)
    out: npt.NDArray[np.bool_] = known & found & (kind == other)
    return out


def _interfaces(side: Side, addresses: I64) -> npt.NDArray[np.bool_]:
    kind, known = type_hash(side, addresses)
    out: npt.NDArray[np.bool_] = known & (kind >> np.uint64(32) == INTERFACE)
    return out

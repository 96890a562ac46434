"""Caches of type assertions and interface switches: writable, yet what they look up is part of the code that uses them.

internal/abi, switch.go: `TypeAssert{Cache, Inter *InterfaceType, CanFail bool}` and `InterfaceSwitch{Cache, NCases int,
Cases [NCases]*InterfaceType}`, both since Go 1.22. The compiler numbers them, so their names say nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from probes.binary.image import I64
from probes.drift.descriptors import type_hash
from probes.drift.side import NOWHERE, Side

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


def same(old: Side, here: int, new: Side, there: int) -> bool:
    """Whether the caches at `here` in OLD and `there` in NEW look up the same interfaces."""
    (fails, ours), (also, theirs) = _content(old, here), _content(new, there)
    if fails != also or ours.size != theirs.size:
        return False
    (a, known), (b, found) = type_hash(old, ours), type_hash(new, theirs)
    return bool((known & found & (a == b)).all())


def _content(side: Side, address: int) -> tuple[int, I64]:
    """(whether it may fail, or -1 for a switch; the interfaces' descriptors)."""
    second, third = side.words_at(np.array([address + 8, address + 16], dtype=np.int64)).view(np.int64).tolist()
    if 0 < second <= MAX_CASES:
        return -1, side.words_at(address + 16 + 8 * np.arange(second, dtype=np.int64)).view(np.int64)
    return third & 1, np.array([second], dtype=np.int64)


def _interfaces(side: Side, addresses: I64) -> npt.NDArray[np.bool_]:
    kind, known = type_hash(side, addresses)
    out: npt.NDArray[np.bool_] = known & (kind >> np.uint64(32) == INTERFACE)
    return out

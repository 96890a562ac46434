"""Which variables of both sides hold pointers in other places, by the garbage collector's masks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from probes.elf.image import I64
from probes.errors import MalformedTable
from probes.go.facts import BinaryFacts
from probes.go.module.pointer_masks import PointerMasks, read_masks
from probes.go.variables.table import KINDS, VariableTable

Bools = npt.NDArray[np.bool_]

MAX_VALUE = 1 << 24
"""Larger variables, in bytes, are only compared in size."""

_POINTERS = [kind in {"data", "bss"} for kind in KINDS]


class Contents:
    """What the variables of one side hold. `address`, `size`: shape (n,); `pointers`: in a section with pointers."""

    def __init__(self, facts: BinaryFacts, table: VariableTable) -> None:
        self.size = table.size
        self.address = table.address.view(np.int64)
        self.pointers: Bools = np.array(_POINTERS)[table.kind]
        module = facts.module
        ranges = (*module.data, *module.bss) if module is not None else ()
        self.room = sum(end - start for start, end in ranges)
        self.masks = _masks(facts)


def differing(old: Contents, new: Contents, a: I64, b: I64) -> I64:
    """Which of the pairs of rows `a` of OLD and `b` of NEW, of equal size and of Go, hold pointers in other places.

    Returns:
        indices in `a`.
    """
    retyped = old.pointers[a] != new.pointers[b]
    if old.masks is None or new.masks is None:
        return np.flatnonzero(retyped)
    size = old.size[a]
    looked = ~retyped & (size <= MAX_VALUE) & old.pointers[a]
    # Variables do not share memory. Where symbols say they do, there is a limit to what is read.
    looked &= np.cumsum(np.where(looked, size, 0)) <= 2 * max(old.room, new.room)
    rows = np.flatnonzero(looked)
    count = (size[rows].astype(np.int64) + 7) // 8
    pair = np.repeat(rows, count)
    step = 8 * (np.arange(pair.size) - np.repeat(np.cumsum(count) - count, count))
    left, right = old.address[a[pair]] + step, new.address[b[pair]] + step
    retyped[pair[old.masks.at(left) != new.masks.at(right)]] = True
    return np.flatnonzero(retyped)


def _masks(facts: BinaryFacts) -> PointerMasks | None:
    try:
        return read_masks(facts.image, facts.module) if facts.module is not None else None
    except MalformedTable:
        return None

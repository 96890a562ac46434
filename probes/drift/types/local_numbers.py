"""What the types of two tables are made of, in numbers, for those that their hashes do not tell apart or together.

The comparison of addresses needs it of a few types, and reading all types for that takes as long as comparing them. So
what compares the types, in another process perhaps, gives these numbers along.
"""

from __future__ import annotations

import re

import numpy as np
from msgspec import Struct

from probes.drift.types.structure import Structures
from probes.elf.image import I64
from probes.go.types.table import TypeTable

NUMBER = re.compile(r"·\d+")
"""What numbers a type that was declared in a function."""


class LocalNumbers(Struct, frozen=True):
    """By address, of some types of OLD and of NEW: numbers that are equal where both are made of the same.

    `addresses`: of all types of either side, sorted.
    """

    addresses: tuple[I64, I64]
    numbers: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def alike(self, old: int, new: int) -> bool | None:
        """Whether the types at these addresses are made of the same; None where that is not known."""
        for known, address in zip(self.addresses, (old, new), strict=True):
            at = int(np.searchsorted(known, address))
            if at == known.size or int(known[at]) != address:
                return False
        ours, theirs = self.numbers[0].get(old), self.numbers[1].get(new)
        return None if ours is None or theirs is None else ours == theirs


def local_numbers(old: TypeTable, new: TypeTable) -> LocalNumbers:
    """The numbers of all types that share text and kind, but not the hash, with one of the other table.

    Empty where there is no hash that one side alone has: then nothing was numbered anew.
    """
    ids: dict[str, int] = {}
    tables = (old, new)
    text = [np.array([ids.setdefault(_plain(each), len(ids)) for each in table.strings]) for table in tables]
    group = np.concatenate([each << 5 | table.kind for each, table in zip(text, tables, strict=True)])
    hashes = np.concatenate([table.hash for table in tables]).astype(np.int64)
    is_new = np.arange(group.size) >= len(old)
    order = np.lexsort((hashes, group))
    group, hashes, is_new = group[order], hashes[order], is_new[order]
    first = np.append(True, group[1:] != group[:-1])
    begins = np.flatnonzero(first)
    addresses = old.address, new.address
    if not begins.size:
        return LocalNumbers(addresses)
    other = np.append(True, hashes[1:] != hashes[:-1]) | first
    several = np.add.reduceat(other, begins, dtype=np.int64) > 1
    shared = several & np.logical_or.reduceat(is_new, begins) & np.logical_or.reduceat(~is_new, begins)
    if not _one_sided(is_new, np.flatnonzero(other), shared[np.cumsum(first) - 1]):
        return LocalNumbers(addresses)
    rows = order[shared[np.cumsum(first) - 1]]
    structures = Structures(old, new)
    found: tuple[dict[int, int], dict[int, int]] = {}, {}
    for row in rows.tolist():
        side = int(row >= len(old))
        at = row - side * len(old)
        found[side][int(tables[side].address[at])] = structures.number(side, at)
    return LocalNumbers(addresses, found)


def _plain(text: str) -> str:
    return NUMBER.sub("", text) if "·" in text else text


def _one_sided(is_new: np.ndarray[tuple[int], np.dtype[np.bool_]], begins: I64, shared: I64) -> bool:
    """Whether one side alone has some hash; those of a group that begin at `begins` are one hash."""
    one = np.logical_and.reduceat(is_new, begins) | np.logical_and.reduceat(~is_new, begins)
    return bool((one & shared[begins].astype(np.bool_)).any())

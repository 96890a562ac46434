"""Whether descriptors with different hashes are of one type: a type that was declared in a function, numbered anew.

The compiler counts the local types of a package that have one name, and hashes the number
(cmd/compile/internal/types, LinkString: `main.pair·2`). One declared before them makes others of all behind it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from probes.drift.addresses.describe import type_name
from probes.elf.image import I64
from probes.errors import MalformedTable

if TYPE_CHECKING:
    from probes.drift.side import Side
    from probes.drift.types.local_numbers import LocalNumbers
    from probes.drift.types.structure import Structures
    from probes.go.types.table import TypeTable

Bools = npt.NDArray[np.bool_]

_NUMBER = re.compile(r"·\d+")


class LocalTypes:
    """Compares descriptors of two sides. The types are read when two first have the same text.

    `numbered`: gives what is known already of what types are made of; it is asked at that time, too.
    """

    def __init__(self, old: Side, new: Side) -> None:
        self._old, self._new = old, new
        self.numbered: Callable[[], LocalNumbers | None] | None = None
        self._numbers: LocalNumbers | None = None
        self._tables: tuple[TypeTable, TypeTable] | None = None
        self._structures: Structures | None = None
        self._read = False
        self._known: dict[tuple[int, int], bool] = {}
        self._names: tuple[dict[int, str], dict[int, str]] = {}, {}

    def settle(self) -> None:
        """Ask `numbered` no more; what it said, if it was asked, is kept."""
        self.numbered = None

    def same(self, old: I64, new: I64) -> Bools:
        """Whether the descriptors at `old[i]` and `new[i]`, of one kind, are of one type, shape (k,)."""
        out = np.zeros(old.shape, dtype=np.bool_)
        for row, pair in enumerate(zip(old.tolist(), new.tolist(), strict=True)):
            if pair not in self._known:
                self._known[pair] = self._name(0, pair[0]) == self._name(1, pair[1]) and self._alike(*pair)
            out[row] = self._known[pair]
        return out

    def _name(self, at: int, address: int) -> str:
        names = self._names[at]
        if address not in names:
            names[address] = _NUMBER.sub("", type_name((self._old, self._new)[at], address) or "")
        return names[address]

    def _alike(self, old: int, new: int) -> bool:
        if self._numbers is None and self.numbered is not None:
            self._numbers = self.numbered()
        alike = self._numbers.alike(old, new) if self._numbers is not None else None
        if alike is not None:
            return alike
        if not self._read:
            from probes.drift.types.structure import Structures  # noqa: PLC0415 - few comparisons need it

            self._read = True
            self._tables = self._types()
            self._structures = Structures(*self._tables) if self._tables else None
        if self._tables is None or self._structures is None:
            return False
        ours, theirs = (_row(table, at) for table, at in zip(self._tables, (old, new), strict=True))
        if ours < 0 or theirs < 0:
            return False
        return self._structures.number(0, ours) == self._structures.number(1, theirs)

    def _types(self) -> tuple[TypeTable, TypeTable] | None:
        ours, theirs = self._old.facts.types, self._new.facts.types
        try:
            return None if ours is None or theirs is None else (ours.read(), theirs.read())
        except MalformedTable:
            return None


def _row(table: TypeTable, address: int) -> int:
    """The row of the descriptor at `address`, -1 where none is known."""
    row = int(np.searchsorted(table.address, address))
    return row if row < len(table) and int(table.address[row]) == address else -1

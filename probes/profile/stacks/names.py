"""Identities of functions, numbered so that several profiles can be added up."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from probes.profile.facts import I32
from probes.profile.stacks.identity import UNKNOWN, identity


class Names:
    """Identities numbered as they come, so that several profiles can be added up."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._rows: dict[str, int] = {}
        self._known: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.names)

    def row(self, name: str) -> int:
        """The number of the identity `name`."""
        row = self._rows.setdefault(name, len(self.names))
        if row == len(self.names):
            self.names.append(name)
        return row

    def find(self, name: str) -> int:
        """The number of the identity `name`, -1 if it never came."""
        return self._rows.get(name, -1)

    def rows(self, recorded: Iterable[str], *, normalise: bool = True) -> I32:
        """The number of each recorded name's identity, int32; the name itself is its identity unless `normalise`."""
        out = []
        for name in recorded:
            row = self._known.get(name)
            if row is None:
                row = self._known[name] = self.row((identity(name) if normalise else name) or UNKNOWN)
            out.append(row)
        return np.array(out, dtype=np.int32)

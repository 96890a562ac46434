"""Go's text of one image, indexed for looking up many addresses at once."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
import numpy.typing as npt

from probes.drift.arch.architecture import architecture
from probes.elf.image import I64
from probes.go.table.functions import FuncTable

SHIFT = 4
GRANULE = 1 << SHIFT
"""Bytes. The linker aligns functions to 16 (arm64) or 32 (amd64): cmd/link/internal/*/l.go funcAlign."""

MAX_PAD = 64
"""Bytes of padding that are taken off all functions at once, one after the other."""

MANY = 1 << 17
"""Addresses from which on an index of all granules is worth its memory."""


class TextIndex:
    """Functions of one table by address, and their code sizes without padding.

    `entry`, `size`: int64, shape (n,); `size` is the code's, in bytes, trailing padding left out.
    """

    def __init__(self, table: FuncTable) -> None:
        self.table = table
        self.entry: I64 = table.entry.astype(np.int64)
        self.end: I64 = table.end.astype(np.int64)
        self.start = int(self.entry[0]) if len(table) else 0
        self.stop = int(self.end[-1]) if len(table) else 0
        self.size = self._trimmed()
        self._granules: npt.NDArray[np.int32] | None = None
        self._entries: list[int] = []

    def _trimmed(self) -> I64:
        image = self.table.image
        offsets = image.offsets(self.entry, 1)
        span_end = np.zeros_like(self.entry)
        for span in image.spans:
            np.copyto(span_end, span.end, where=(self.entry >= span.start) & (self.entry < span.end))
        size = np.where(offsets >= 0, np.clip(self.end, self.entry, np.maximum(span_end, self.entry)) - self.entry, 0)
        arch = architecture(image.arch)
        pad = arch.padding
        active = np.flatnonzero(size > 0)
        for _ in range(MAX_PAD):
            if not active.size:
                break
            last = image.data[offsets[active] + size[active] - 1]
            active = active[last == pad]
            size[active] -= 1
            active = active[size[active] > 0]
        for row in active.tolist():  # a padding longer than any linker's
            code = image.data[offsets[row] : offsets[row] + size[row]].tobytes()
            size[row] = len(code.rstrip(bytes([pad])))
        if arch.alignment > 1:
            size = -(-size // arch.alignment) * arch.alignment
        return size

    def _index(self) -> npt.NDArray[np.int32]:
        """The function of each granule of the text; empty where functions do not begin at granules."""
        aligned = not bool(((self.entry - self.start) % GRANULE).any()) and bool((self.end >= self.entry).all())
        if not aligned or self.stop - self.start > self.table.image.data.size:
            return np.zeros(0, dtype=np.int32)
        counts = -(-(self.end - self.entry) // GRANULE)
        return np.repeat(np.arange(len(self.entry), dtype=np.int32), counts)

    def holds(self, addresses: I64) -> npt.NDArray[np.bool_]:
        """Which of `addresses` lie in Go's text, shape (k,)."""
        return (addresses >= self.start) & (addresses < self.stop)

    def find(self, address: int) -> int:
        """Function that holds `address`; -1 outside of Go's text."""
        if not self.start <= address < self.stop:
            return -1
        if not self._entries:
            self._entries = self.entry.tolist()
        return bisect_right(self._entries, address) - 1

    def index(self, addresses: I64) -> I64:
        """Function that holds each of `addresses`, shape (k,); -1 outside of Go's text."""
        inside = self.holds(addresses)
        if bool(inside.all()):
            return self.owners(addresses)
        return np.where(inside, self.owners(np.where(inside, addresses, self.start)), -1)

    def owners(self, addresses: I64) -> I64:
        """As `index`, of addresses that all lie in Go's text."""
        if self._granules is None and addresses.size > MANY:
            self._granules = self._index()
        if self._granules is not None and self._granules.size:
            # Clipped, because nothing belongs to the padding behind the last function.
            return self._granules.take((addresses - self.start) >> SHIFT, mode="clip").astype(np.int64)
        found: I64 = np.searchsorted(self.entry, addresses, side="right") - 1
        return found

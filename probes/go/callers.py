"""Which functions call a function: the CALL and BL instructions of a program whose targets are its entry.

The bytes are searched, not decoded: on amd64 a constant may look like a call, one in 2^32 with a given target. What is called
through a value, an interface or a table is not seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy.typing as npt

    from probes.elf.image import I64
    from probes.go.table.functions import FuncTable

_CALL = 0xE8
"""CALL rel32: Intel SDM, volume 2, CALL."""
_BL = 0x94000000
"""BL imm26: Arm ARM, C6.2."""


def callers(table: FuncTable, names: Collection[str]) -> set[str]:
    """The names of the functions that call one of those called `names`; none for an architecture that is not known here."""
    wanted = [index for index, name in enumerate(table.names) if name in names]
    if not wanted or not len(table):
        return set()
    targets = table.entry[np.array(wanted)].astype(np.int64)
    start, end = int(table.entry[0]), int(table.end[-1])
    image = table.image
    found: set[int] = set()
    for span in image.spans:
        first, last = max(start, span.start), min(end, span.end)
        if first >= last:
            continue
        offset = image.offset(first, last - first)
        code = image.data[offset : offset + last - first]
        sites = _SITES[image.arch](code, first, targets) if image.arch in _SITES else np.zeros(0, dtype=np.int64)
        rows = np.searchsorted(table.entry, sites.astype(np.uint64), side="right") - 1
        found.update(rows.tolist())
    return {table.names[row] for row in found if row >= 0}


def _amd64(code: npt.NDArray[np.uint8], start: int, targets: I64) -> I64:
    """The addresses of instructions that call one of `targets` in `code`, which begins at the address `start`."""
    at = np.flatnonzero(code[:-4] == _CALL).astype(np.int64) if code.size > 4 else np.zeros(0, dtype=np.int64)
    relative = sum(code[at + 1 + byte].astype(np.int64) << (8 * byte) for byte in range(4))
    relative = np.asarray(relative, dtype=np.int64)
    relative -= (relative >> 31 & 1) << 32
    return np.asarray((at + start)[np.isin(at + start + 5 + relative, targets)], dtype=np.int64)


def _arm64(code: npt.NDArray[np.uint8], start: int, targets: I64) -> I64:
    """As `_amd64`; `start` is a multiple of 4."""
    words = code[: code.size // 4 * 4].view("<u4")
    at = np.flatnonzero(words & 0xFC000000 == _BL).astype(np.int64)
    relative = (words[at] & 0x3FFFFFF).astype(np.int64)
    relative -= (relative >> 25 & 1) << 26
    return np.asarray((4 * at + start)[np.isin(4 * (at + relative) + start, targets)], dtype=np.int64)


_SITES = {"amd64": _amd64, "arm64": _arm64}

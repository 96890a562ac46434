"""The table of `runtime.findfunc`, which follows from the function table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gate.release.delta.golang.layout import Layout

BUCKET, PART = 4096, 256
PARTS = BUCKET // PART


def table(image: NDArray[np.uint8], layout: Layout) -> NDArray[np.uint8]:
    """The table as the linker makes it (cmd/link/internal/ld/pcln.go, findfunctab), shape (layout.lookup[1],).

    For each 4096 bytes of code the index of the first function in it, 32 bits, and for each 256 bytes how many further on the first one in those is.
    """
    size = layout.lookup[1]
    functions = layout.functions
    if not size or functions is None:
        return np.empty(0, np.uint8)
    raw = image[functions.ftab : functions.ftab + 8 * functions.count].copy().view("<u4")
    entries = np.maximum.accumulate(raw[::2].astype(np.int64))
    buckets = -(-size // (4 + PARTS))
    start = PART * np.arange(buckets * PARTS, dtype=np.int64)
    index = np.maximum(np.searchsorted(entries, start, side="right") - 1, 0).reshape(buckets, PARTS)
    out = np.zeros((buckets, 4 + PARTS), np.uint8)
    out[:, :4] = index[:, :1].astype("<u4").view(np.uint8).reshape(buckets, 4)
    out[:, 4:] = (index - index[:, :1]).astype(np.uint8)
    return out.reshape(-1)[:size].copy()

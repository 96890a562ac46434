"""Many strings of one string table at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from probes.elf.image import I64
from probes.errors import MalformedTable

SHARING = 16
"""How often a byte may be part of a string, on average, before the table is refused. Generic instances share names in
Go's tables and C linkers merge tails, which makes it less than 2 in every file seen; a hostile one asks for gigabytes."""


def strings_at(blob: bytes, starts: I64, *, path: str = "") -> tuple[list[str], npt.NDArray[np.bool_]]:
    """The NUL-terminated strings at the offsets `starts` of `blob`.

    Args:
        blob: the string table.
        starts: shape (n,).
        path: the file, for the error.

    Returns:
        the strings, shape (n,), and where there was one: an offset outside of the table, or a string that does not
        end, gives "" and False.

    Raises:
        MalformedTable: the strings are far larger together than their table.
    """
    stops = np.flatnonzero(np.frombuffer(blob, dtype=np.uint8) == 0)
    good = (starts >= 0) & (starts < len(blob))
    at = np.searchsorted(stops, np.where(good, starts, 0))
    good &= at < stops.size
    start = np.where(good, starts, 0)
    end = np.where(good, stops[np.minimum(at, stops.size - 1)], 0) if stops.size else np.zeros_like(start)
    if int((end - start).sum()) > SHARING * len(blob) + (1 << 16):
        raise MalformedTable("names are far larger than the table that holds them", subject=path)
    text = blob.decode("latin-1")  # slices of a str are cheaper than a decoding each
    out = [text[a:b] for a, b in zip(start.tolist(), end.tolist(), strict=True)]
    if not blob.isascii():
        out = [name if name.isascii() else name.encode("latin-1").decode("utf-8", "replace") for name in out]
    return out, good

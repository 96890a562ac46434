"""The names of type descriptors (abi.Name): flags, a length, the text, then perhaps a tag and a package path."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from probes.arrays import distinct
from probes.elf.image import I64
from probes.go.types import layouts as tl
from probes.go.types.region import Bools, Region

SHARING = 4
"""How often a byte may be part of a name, on average. Names do not overlap in any file seen."""
MAX_VARINT = 4


class Names(Struct, frozen=True):
    """Decoded names, sorted by place, shape (n,). A name that leads outside is "" and has `good` False.

    `tag` holds "" without one. `package` is the index of the name that is the package path, -1 without.
    """

    place: I64
    text: list[str]
    tag: list[str]
    flags: npt.NDArray[np.uint8]
    package: I64
    good: Bools

    def index(self, places: I64) -> I64:
        """The index of the names at `places`, -1 for a place below 1 (offset 0 stands for no name)."""
        found = np.searchsorted(self.place, places)
        return np.where(places > 0, found, -1)


def read_names(region: Region, places: I64, *, two_byte: bool) -> Names:
    """Decode the names at `places` and the package paths that they lead to.

    Args:
        region: where they are.
        places: offsets, in any order and repeated; those below 1 stand for no name.
        two_byte: lengths are two bytes, the higher one first (Go 1.16), not varints.

    Raises:
        MalformedTable: the names are far larger together than what holds them.
    """
    unique = distinct(places[places > 0].astype(np.int64))
    bounds = _Bounds(region, unique, two_byte=two_byte)
    packages = bounds.package[bounds.package > 0]
    if len(packages):
        unique = distinct(np.concatenate((unique, packages)))
        bounds = _Bounds(region, unique, two_byte=two_byte)
    if int(bounds.length.sum() + bounds.tag_length.sum()) > SHARING * region.size + (1 << 16):
        raise region.malformed("the names of types are far larger than what holds them")
    text = region.data.tobytes().decode("latin-1")
    names = _cut(text, bounds.start, bounds.length)
    tags = [""] * len(unique)
    tagged = np.flatnonzero(bounds.tag_length)
    for row, tag in zip(tagged.tolist(), _cut(text, bounds.tag_start[tagged], bounds.tag_length[tagged]), strict=True):
        tags[row] = tag
    package = np.where(bounds.package > 0, np.searchsorted(unique, bounds.package), -1)
    return Names(unique, names, tags, bounds.flags, package, bounds.good)


def _cut(text: str, starts: I64, lengths: I64) -> list[str]:
    """Pieces of a region that was decoded as latin-1: slices of a str are cheaper than a decoding each."""
    out = [text[a:b] for a, b in zip(starts.tolist(), (starts + lengths).tolist(), strict=True)]
    if "".join(out).isascii():
        return out
    return [s if s.isascii() else s.encode("latin-1").decode("utf-8", "replace") for s in out]


class _Bounds:
    """Where the parts of names are; lengths are 0 where a part is missing or leads outside."""

    def __init__(self, region: Region, places: I64, *, two_byte: bool) -> None:
        self._region, self._two_byte = region, two_byte
        self.flags = region.data[np.minimum(places, region.size - 1)]
        good = (places < region.size) & (self.flags < tl.NAME_LIMIT)
        self.start, self.length, good = self._part(places + 1, good)
        end = self.start + self.length
        has_tag = good & (self.flags & tl.NAME_TAG != 0)
        self.tag_start, self.tag_length, tag_good = self._part(end, has_tag)
        good &= tag_good | ~has_tag
        end = np.where(has_tag, self.tag_start + self.tag_length, end)
        has_package = good & (self.flags & tl.NAME_PKGPATH != 0) & (end <= region.size - 4)
        self.package = np.zeros(len(places), dtype=np.int64)
        rows = np.flatnonzero(has_package)
        four = region.data[end[rows][:, None] + np.arange(4)]
        self.package[rows] = np.ascontiguousarray(four).view("<i4").ravel()
        self.package[(self.package < 0) | (self.package >= region.size)] = 0
        self.good = good

    def _part(self, at: I64, wanted: Bools) -> tuple[I64, I64, Bools]:
        """Start and length of a text whose length is at `at`, and where there is one."""
        data, last = self._region.data, self._region.size - 1
        if self._two_byte:
            high = data[np.minimum(at, last)].astype(np.int64)
            length = high << 8 | data[np.minimum(at + 1, last)]
            start = at + 2
            ended = np.ones(len(at), dtype=np.bool_)
        else:
            length = np.zeros(len(at), dtype=np.int64)
            start, ended = at.copy(), np.zeros(len(at), dtype=np.bool_)
            for shift in range(MAX_VARINT):
                byte = data[np.minimum(at + shift, last)].astype(np.int64)
                length |= np.where(ended, 0, (byte & 0x7F) << 7 * shift)
                start += ~ended
                ended |= byte < 0x80
                if bool(ended.all()):
                    break
        good = wanted & ended & (start + length <= self._region.size)
        return start, np.where(good, length, 0), good

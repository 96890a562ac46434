"""Bounded, vectorised reads from the part of a file that holds type descriptors.

Everything is addressed by its offset from `moduledata.types`, as the format's own offsets are. -1 stands for "not there".
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from probes.elf.image import I64, U64, Image
from probes.errors import MalformedTable
from probes.go.types import layouts as tl

Bools = npt.NDArray[np.bool_]
Records = npt.NDArray[np.void]
Pairs = tuple[I64, I64]


class Region:
    """The bytes from `moduledata.types` to `etypes`. `words`: uint64, shape (size // 8,); `data`: uint8, shape (size,)."""

    def __init__(self, image: Image, types: int, etypes: int, map_base: int) -> None:
        self.image = image
        self.path = image.path
        self.start = types
        self.size = etypes - types
        offset = image.offset(types, self.size)
        if offset % 8 or types % 8 or self.size < tl.TYPE.itemsize:
            raise MalformedTable("the type descriptors are not aligned, or there are none", subject=image.path)
        self.data = image.data[offset : offset + self.size]
        self.words: U64 = image.words[offset // 8 : (offset + self.size) // 8]
        self.base = tl.BASE.copy()
        self.base[tl.MAP] = map_base
        self._left = self.size

    def malformed(self, what: str) -> MalformedTable:
        """The error for a table that contradicts itself."""
        return MalformedTable(what, subject=self.path, hint="the file is damaged, or was changed after linking")

    def relative(self, addresses: npt.NDArray[np.uint64]) -> I64:
        """Addresses as offsets; -1 for those outside."""
        out = addresses.view(np.int64) - self.start
        return np.where((out >= 0) & (out < self.size), out, -1)

    def holds(self, offsets: I64, size: int | I64) -> Bools:
        """Whether `size` bytes at each of `offsets` lie inside."""
        return (offsets >= 0) & (offsets <= self.size - size)

    def records(self, offsets: I64, dtype: np.dtype[np.void]) -> Records:
        """Records at `offsets`, aligned to 8 and inside (the caller made sure), shape (n,)."""
        words = np.arange(dtype.itemsize // 8)
        found: Records = self.words[(offsets >> 3)[:, None] + words].view(dtype).ravel()
        return found

    def u32(self, offsets: I64) -> npt.NDArray[np.uint32]:
        """The 32-bit words at `offsets`, aligned to 4 and inside."""
        word = self.words[offsets >> 3]
        found: npt.NDArray[np.uint32] = (word >> ((offsets & 4) << 3).astype(np.uint64)).astype(np.uint32)
        return found

    def refill(self) -> None:
        """Begin another pass over the lists: `expand` may give each byte once again."""
        self._left = self.size

    def expand(self, starts: I64, counts: I64, stride: int) -> Pairs:
        """Lists of `counts[i]` records from `starts[i]` on, one after the other.

        Returns:
            (owner, offset): the index i and the place of each record, both of shape (counts.sum(),).

        Raises:
            MalformedTable: the lists are larger together than all descriptors; those of a real file do not overlap.
        """
        total = int(counts.sum())
        self._left -= total * stride
        if self._left < 0:
            raise self.malformed("the lists of the type descriptors overlap")
        owner = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
        within = np.arange(total, dtype=np.int64) - np.repeat(np.cumsum(counts) - counts, counts)
        return owner, starts[owner] + stride * within


class Lists(Struct, frozen=True):
    """What a batch of descriptors holds beyond its head: per descriptor, shape (n,), and flat (owner, place) pairs."""

    uncommon: I64
    """Offset of abi.UncommonType, -1 without."""
    n_in: I64
    variadic: Bools
    params: Pairs
    fields: Pairs
    imethods: Pairs
    methods: Pairs


def head_faults(region: Region, at: I64) -> tuple[Records, Bools]:
    """The common heads of descriptors at `at`, and which of them cannot be one."""
    inside = region.holds(at, tl.TYPE.itemsize) & (at % 8 == 0)
    heads = region.records(np.where(inside, at, 0), tl.TYPE)
    kind = (heads["kind"] & tl.KIND_MASK).astype(np.int64)
    size, ptrdata, align = heads["size"], heads["ptrdata"], heads["align"]
    fixed = tl.FIXED_SIZE[kind]
    good = (
        inside
        & (kind >= 1)
        & (kind <= tl.UNSAFE_POINTER)
        & (heads["kind"] < 128)
        & (heads["tflag"] < tl.TFLAG_LIMIT)
        & (align == heads["fieldalign"])
        & ((align == 1) | (align == 2) | (align == 4) | (align == 8))
        & (size < tl.SIZE_LIMIT)
        & (ptrdata <= size)
        & (ptrdata % 8 == 0)
        & (size % np.maximum(align, 1) == 0)
        & ((fixed < 0) | (fixed == size.view(np.int64)))
        & (heads["str"] > 0)
        & (heads["str"] < region.size)
        & region.holds(at, region.base[kind] + 16 * (heads["tflag"] & tl.TFLAG_UNCOMMON))
    )
    return heads, ~good


class _Collector:
    """Lists that descriptors lead to. `bad` marks the descriptors whose list lies outside or is not aligned."""

    def __init__(self, region: Region, count: int) -> None:
        self.region = region
        self.bad = np.zeros(count, dtype=np.bool_)

    def take(self, rows: I64, starts: I64, counts: I64, stride: int) -> Pairs:
        """Owner row and place of each record of the lists."""
        wrong = (counts > 0) & (~self.region.holds(starts, counts * stride) | (starts % 8 != 0))
        self.bad[rows[wrong]] = True
        owner, places = self.region.expand(starts, np.where(wrong, 0, counts), stride)
        return rows[owner], places

    def slices(self, rows: I64, at: I64, stride: int) -> Pairs:
        """The slice at 56 of a descriptor: fields of a struct, methods of an interface."""
        place = at[rows] >> 3
        starts = self.region.relative(self.region.words[place + 7])
        counts = np.minimum(self.region.words[place + 8], np.uint64(self.region.size)).view(np.int64)
        return self.take(rows, starts, counts, stride)


def lists(region: Region, at: I64, heads: Records) -> tuple[Lists, Bools]:
    """The lists of descriptors whose heads are sound, and which of these have one that leads outside."""
    kind = (heads["kind"] & tl.KIND_MASK).astype(np.int64)
    common = heads["tflag"] & tl.TFLAG_UNCOMMON != 0
    tail = at + region.base[kind]
    uncommon = np.where(common, tail, -1)
    tail = tail + 16 * common
    found = _Collector(region, len(at))

    funcs = np.flatnonzero(kind == tl.FUNC)
    counts = region.u32(at[funcs] + 48)
    n_in = np.zeros(len(at), dtype=np.int64)
    n_in[funcs] = counts & 0xFFFF
    n_out = (counts >> 16 & (tl.OUT_VARIADIC - 1)).astype(np.int64)
    variadic = np.zeros(len(at), dtype=np.bool_)
    variadic[funcs] = counts >> 31 != 0
    found.bad |= variadic & (n_in == 0)

    owners = np.flatnonzero(common)
    record = region.records(uncommon[owners], tl.UNCOMMON)
    methods = uncommon[owners] + record["moff"].astype(np.int64)
    return Lists(
        uncommon=uncommon,
        n_in=n_in,
        variadic=variadic,
        params=found.take(funcs, tail[funcs], n_in[funcs] + n_out, 8),
        fields=found.slices(np.flatnonzero(kind == tl.STRUCT), at, tl.FIELD.itemsize),
        imethods=found.slices(np.flatnonzero(kind == tl.INTERFACE), at, tl.IMETHOD.itemsize),
        methods=found.take(owners, methods, record["mcount"].astype(np.int64), tl.METHOD.itemsize),
    ), found.bad

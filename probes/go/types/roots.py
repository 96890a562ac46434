"""Where the descriptors of a file are found: the linker's list of types, the itabs, and the shape of a descriptor.

The linker lists unnamed types only: up to Go 1.26 in `typelinks`, in 1.27 by putting them first, end to end. Nearly all
named types are reached from those; a named type that only code refers to is found by `sweep`.
"""

from __future__ import annotations

import numpy as np

from probes.elf.image import I64, Image
from probes.go.module.moduledata import ModuleData
from probes.go.types import layouts as tl
from probes.go.types.region import Bools, Records, Region, head_faults


def linked(image: Image, module: ModuleData, region: Region) -> I64:
    """Offsets of the types that the module data lists."""
    if module.layout.typedesclen is None:
        links = module.typelinks
        return image.u32s(links.ptr, links.len).view(np.int32).astype(np.int64) if links.len else np.zeros(0, np.int64)
    return _end_to_end(region, image.u64(module.address + module.layout.typedesclen))


def _end_to_end(region: Region, length: int) -> I64:
    """Go 1.27: the listed types lie one after the other from `types + 8` on (runtime.moduleTypelinks, abi.DescriptorSize)."""
    if length > region.size:
        raise region.malformed("the type descriptors end outside of their part of the file")
    data = region.data[:length].tobytes()
    base = region.base.tolist()
    out, at = [], 8
    while at + 48 <= length:
        kind = data[at + 23] & tl.KIND_MASK
        size = base[kind]
        common = data[at + 20] & tl.TFLAG_UNCOMMON
        if not 0 < kind <= tl.UNSAFE_POINTER or at + size + 16 * common > length:
            raise region.malformed(f"no type descriptor at offset {at:#x} of the types")
        out.append(at)
        if kind in {tl.STRUCT, tl.INTERFACE}:
            count = int.from_bytes(data[at + 64 : at + 72], "little")
            size += count * (24 if kind == tl.STRUCT else 8)
        elif kind == tl.FUNC:
            n_in, n_out = data[at + 48] | data[at + 49] << 8, data[at + 50] | data[at + 51] << 8
            size += 8 * (n_in + (n_out & (tl.OUT_VARIADIC - 1)))
        if common:
            place = at + base[kind]
            size += 16 + 16 * (data[place + 4] | data[place + 5] << 8)
        at += size
    return np.array(out, dtype=np.int64)


def itabs(image: Image, module: ModuleData) -> I64:
    """Addresses of the itabs that the module data lists; they need not be sound."""
    if module.layout.itaboffset is None:
        links = module.itablinks
        return image.u64s(links.ptr, links.len).view(np.int64) if links.len else np.zeros(0, np.int64)
    start, end = module.itabs
    if end <= start:
        return np.zeros(0, np.int64)
    words = image.u64s(start, (end - start) // 8).tolist()
    out, at = [], 0
    while at + 4 <= len(words):
        out.append(start + 8 * at)
        count = image.u64(words[at] + 64)  # methods of the interface
        at += 4 if not words[at + 3] else 3 + max(count, 1)
    return np.array(out, dtype=np.int64)


def sweep(region: Region, *, two_byte: bool) -> I64:
    """Offsets of everything that has the shape of a descriptor of a named type.

    All relations of a descriptor's parts are asked for, and its name has to be one; a chance hit would need some
    hundred bits to fall in place.
    """
    shape = region.data[: region.words.size * 8].reshape(-1, 8)
    if len(shape) < 8:
        return np.zeros(0, np.int64)
    flags, align, field_align, kind = (shape[2:-3, column] for column in (4, 5, 6, 7))
    named = tl.TFLAG_UNCOMMON | tl.TFLAG_NAMED
    hits = np.flatnonzero((flags & named == named) & (align == field_align) & (align - 1 < 8) & (kind - 1 < 0x5A))
    at = hits * 8
    at = at[~head_faults(region, at)[1]]
    heads = region.records(at, tl.TYPE)
    kinds = (heads["kind"] & tl.KIND_MASK).astype(np.int64)
    common = region.records(at + region.base[kinds], tl.UNCOMMON)
    own = at + region.base[kinds] + 16  # what follows the uncommon record: the descriptor's own list
    second = region.words[(at + 56) >> 3]
    lists = (kinds == tl.STRUCT) | (kinds == tl.INTERFACE)
    count = region.words[np.where(lists, at + 64, 0) >> 3]
    good = (
        (heads["hash"] != 0)
        & ((heads["gcdata"] != 0) | (heads["ptrdata"] == 0))
        & (common["pkgpath"] >= 0)
        & (common["pkgpath"] < region.size)
        & (common["unused"] == 0)
        & (common["xcount"] <= common["mcount"])
        & (~lists | (count == 0) | (second.view(np.int64) - region.start == own))
    )
    elems = region.relative(region.words[(at + tl.ELEM_AT[kinds]) >> 3])
    wants = tl.HAS_ELEM[kinds]
    good &= ~wants | ~head_faults(region, np.where(wants, elems, 0))[1]
    found: I64 = at[good & _written(region, heads, skip=1 + two_byte)]
    return found


def _written(region: Region, heads: Records, skip: int) -> Bools:
    """Whether what the heads say is their name begins as a type's name does. `skip`: bytes before its short length."""
    data, last = region.data, region.size - 1
    name = heads["str"].astype(np.int64)
    length = data[np.minimum(name + skip, last)]
    first = data[np.minimum(name + skip + 1 + ((length >= 0x80) & (skip == 1)), last)]
    star = heads["tflag"] & tl.TFLAG_EXTRA_STAR != 0
    letter = (first == ord("_")) | (first >= 0x80) | ((first | 0x20) - ord("a") < 26)
    flags = data[np.minimum(name, last)]
    good: Bools = (flags < tl.NAME_LIMIT) & (length > 0) & np.where(star, first == ord("*"), letter)
    return good

"""Decode all type descriptors of a file: find them, follow what they refer to, and lay them out in columns."""

from __future__ import annotations

import numpy as np

from probes.arrays import distinct
from probes.elf.image import I64, Image
from probes.go.module import layouts as lay
from probes.go.module.moduledata import ModuleData
from probes.go.types import layouts as tl
from probes.go.types.assembly import Assembly
from probes.go.types.region import Bools, Lists, Records, Region, head_faults, lists
from probes.go.types.roots import itabs, linked, sweep
from probes.go.types.table import TypeTable

MAX_WAVES = 1000
"""How many references in a row may lead to a descriptor that was not known. The longest chain seen is below 20."""


def read_types(image: Image, module: ModuleData, minor: int | None) -> TypeTable:
    """Decode the type descriptors of a file.

    They are found from the linker's lists, by following what is found, and by their shape. What can be missing is an
    unnamed type that only code refers to and the linker did not list: one that the program made no type of its own of.

    Args:
        image: with relocations applied.
        module: its module data.
        minor: minor number of the Go release; None or one that is not known asks that every check holds.

    Raises:
        MalformedTable: the descriptors contradict each other, or the release is not known and a check does not hold.
    """
    known = minor is not None and lay.OLDEST_MINOR <= minor <= lay.NEWEST_MINOR
    newer = minor if minor is not None else module.layout.last
    region = Region(image, module.types, module.etypes, tl.MAP_127 if newer >= 27 else tl.MAP_SWISS)
    if module.layout.typedesclen is None:
        region.base[tl.MAP] = _map_base(region)
    listed, tables = linked(image, module, region), itabs(image, module)
    two_byte = _two_byte(region, module, listed, minor)
    roots = [listed, _of_itabs(image, region, tables), sweep(region, two_byte=two_byte)]
    seen = np.zeros(region.words.size, dtype=np.bool_)
    unsound = _follow(region, np.concatenate(roots), seen)
    at = np.flatnonzero(seen) * 8
    if not len(at):
        raise region.malformed("no type descriptor was found where they have to be")
    assembly = Assembly(image, region, at, two_byte=two_byte, shifted=_shifted(module, minor))
    if unsound:
        assembly.problems.append(f"{unsound} references to types lead to something else")
    table = assembly.table(tables)
    if table.problems and not known:
        raise region.malformed(f"the types are those of an unknown Go release, and do not hold: {table.problems[0]}")
    return table


def _of_itabs(image: Image, region: Region, addresses: I64) -> I64:
    at = image.offsets(addresses, tl.ITAB.itemsize)
    at = at[(at >= 0) & (at % 8 == 0)]
    return region.relative(image.words[(at >> 3)[:, None] + np.arange(2)].ravel())


def _two_byte(region: Region, module: ModuleData, listed: I64, minor: int | None) -> bool:
    """Whether lengths of names are two bytes (1.16), not varints. The first of two is 0, and no name is empty."""
    if minor is not None or module.layout.first >= 17:
        return minor is not None and minor < 17
    heads, bad = head_faults(region, listed)
    lengths = region.data[np.minimum(heads["str"][~bad].astype(np.int64) + 1, region.size - 1)]
    return len(lengths) > 0 and not bool(lengths.any())


def _shifted(module: ModuleData, minor: int | None) -> bool | None:
    """Whether fields hold their offset shifted left by one (up to 1.18); None where the layout is that of 1.18 and 1.19."""
    if minor is not None:
        return minor <= 18
    return None if module.layout.first <= 18 <= module.layout.last else module.layout.last <= 18


def _map_base(region: Region) -> int:
    """Bytes of a map's descriptor up to 1.26.

    Swiss maps repeat the size of their group at 80, older ones that of their bucket, in 16 bits, at 82. GOEXPERIMENT
    can choose the older ones in 1.24 and 1.25, so the release does not tell.
    """
    kinds = region.data[23::8]
    at = np.flatnonzero(kinds[: max(region.words.size - 14, 0)] & tl.KIND_MASK == tl.MAP) * 8
    at = at[~head_faults(region, at)[1]]
    inner = region.relative(region.words[(at + 64) >> 3])
    fits = (inner >= 0) & (inner % 8 == 0)
    size, said = region.words[inner[fits] >> 3], region.words[(at[fits] + 80) >> 3]
    swiss = int(np.count_nonzero(said == size))
    old = int(np.count_nonzero(said >> np.uint64(16) & np.uint64(0xFFFF) == size))
    return tl.MAP_SWISS if swiss > old else tl.MAP_OLD


def _follow(region: Region, roots: I64, seen: Bools) -> int:
    """Mark every descriptor that the roots lead to in `seen`, a flag for each 8 bytes; how many led to something else."""
    unsound = 0
    rejected = np.zeros_like(seen)
    frontier = roots
    for _ in range(MAX_WAVES):
        frontier = frontier[(frontier > 0) & (frontier % 8 == 0) & (frontier < region.size)]
        frontier = frontier[~(seen[frontier >> 3] | rejected[frontier >> 3])]
        if not len(frontier):
            return unsound
        frontier = distinct(frontier)
        heads, bad = head_faults(region, frontier)
        more, outside = lists(region, frontier[~bad], heads[~bad])
        bad[np.flatnonzero(~bad)[outside]] = True
        rejected[frontier[bad] >> 3] = True
        unsound += int(np.count_nonzero(bad))
        seen[frontier[~bad] >> 3] = True
        frontier = _references(region, frontier, heads, bad, more)
    raise region.malformed(f"the type descriptors form a chain of more than {MAX_WAVES}")


def _references(region: Region, at: I64, heads: Records, bad: Bools, more: Lists) -> I64:
    """Offsets of all descriptors that those at `at` refer to."""
    at, heads = at[~bad], heads[~bad]
    kind = (heads["kind"] & tl.KIND_MASK).astype(np.int64)
    words = region.words
    elems = at[tl.HAS_ELEM[kind]] + tl.ELEM_AT[kind[tl.HAS_ELEM[kind]]]
    keys = at[kind == tl.MAP] + 48
    absolute = np.concatenate((elems, keys, more.params[1], more.fields[1] + 8))
    return np.concatenate(
        (
            region.relative(words[absolute >> 3]),
            heads["ptrtothis"].astype(np.int64),
            region.records(more.imethods[1], tl.IMETHOD)["typ"].astype(np.int64),
            region.records(more.methods[1], tl.METHOD)["mtyp"].astype(np.int64),
        )
    )

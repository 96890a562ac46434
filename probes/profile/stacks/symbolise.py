"""Names for addresses that were recorded without any, by the function table of the program that was profiled.

Collectors outside of the process (perf, eBPF) write addresses; they can be named only by the binary with the same build
id, because another build has other functions there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from probes.errors import MalformedTable, ProbeError
from probes.go.table.inlining import frames
from probes.profile.facts import I64, ProfileFacts

if TYPE_CHECKING:
    from probes.go.facts import BinaryFacts


class OtherBuild(ProbeError):
    """The binary is not the one that was profiled."""


def file_addresses(profile: ProfileFacts, binary: BinaryFacts) -> I64:
    """The address in `binary` that each location stands for, int64 (L,); -1 where it is in another file.

    A position-independent program runs elsewhere than it was linked for: the mapping says which part of the file lies
    where, and the program headers which address that part was linked for.
    """
    out = np.full(profile.addresses.size, -1, dtype=np.int64)
    for row, mapping in enumerate(profile.mappings):
        if row and mapping.build_id != profile.build_id:
            continue
        mine = np.flatnonzero(profile.location_mapping == row)
        addresses = profile.addresses[mine]
        if mapping.limit > mapping.start:
            inside = (addresses >= np.uint64(mapping.start)) & (addresses < np.uint64(mapping.limit))
            mine, offsets = mine[inside], (addresses[inside] - np.uint64(mapping.start)).astype(np.int64)
            out[mine] = _linked(offsets + np.int64(mapping.offset & ((1 << 62) - 1)), binary)
        else:
            out[mine] = np.where(addresses < np.uint64(1 << 62), addresses, np.uint64(0)).astype(np.int64)
    return out


def _linked(offsets: I64, binary: BinaryFacts) -> I64:
    found = np.full(offsets.size, -1, dtype=np.int64)
    for span in binary.image.spans:
        inside = (offsets >= span.offset) & (offsets < span.offset + span.end - span.start)
        if span.executable:
            found[inside] = offsets[inside] - span.offset + span.start
    return found


def symbolise(profile: ProfileFacts, binary: BinaryFacts) -> ProfileFacts:
    """`profile` with functions, inlined ones included, for every location of the program without any.

    Raises:
        OtherBuild: the build ids differ, or the profile has none, or the program has no function table to read.
    """
    if not profile.build_id or profile.build_id not in {binary.gnu_build_id, binary.go_build_id}:
        raise OtherBuild(
            f"the profile is of build {profile.build_id or '(none given)'}, which is not that of {binary.path}",
            subject=profile.subject,
            hint="pass the binary that ran while the profile was taken",
        )
    if binary.functions is None:
        raise OtherBuild("its function table cannot be read", subject=binary.path)
    unnamed = np.flatnonzero(np.diff(profile.line_offsets) == 0)
    addresses = file_addresses(profile, binary)[unnamed]
    names = list(profile.functions)
    files = list(profile.files)
    rows: dict[str, int] = {}
    at, inserted = [], []
    counts = np.diff(profile.line_offsets)
    for location, address in zip(unnamed.tolist(), addresses.tolist(), strict=True):
        try:
            found = frames(binary.functions, address) if address >= 0 else ()
        except MalformedTable:
            continue  # one damaged inline tree does not take the names of all others
        for frame in found:
            row = rows.setdefault(frame.function, len(names))
            if row == len(names):
                names.append(frame.function)
                files.append(frame.file)
            at.append(int(profile.line_offsets[location]))
            inserted.append(row)
        counts[location] = len(found)
    return replace(
        profile,
        functions=tuple(names),
        files=tuple(files),
        lines=np.insert(profile.lines, at, inserted).astype(np.int32) if at else profile.lines,
        line_offsets=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
    )

"""Profiles for other tools: pprof's own format, and collapsed stacks (as flamegraph.pl and speedscope read them)."""

from __future__ import annotations

import gzip
from collections.abc import Sequence

import numpy as np

from probes.profile.comparison.windows import Comparison, Side
from probes.profile.pprof.profile_pb2 import Profile
from probes.profile.stacks.tally import Stacks


def pprof(both: Comparison, side: Side, *, other: Side | None = None) -> bytes:
    """A gzipped profile.proto of identities; less the samples of `other` where given, as `-diff_base` has them.

    Both sides are then brought to the samples of `side`, so that what did not change is near 0.
    """
    counts = side.counts.sum(axis=1)
    if other is not None and other.counts.sum():
        counts = counts - other.counts.sum(axis=1) * (counts.sum() / other.counts.sum())
    message = Profile()
    strings = ["", "samples", "count", both.kind or "cost", both.unit]
    message.sample_type.add(type=1, unit=2)
    message.sample_type.add(type=3, unit=4)
    for row in range(1, len(both.names) + 1):
        message.function.add(id=row, name=len(strings) + row - 1)
        message.location.add(id=row).line.add(function_id=row)
    message.string_table.extend([*strings, *both.names])
    message.duration_nanos = int(side.seconds.sum() * 1e9)
    message.time_nanos = int(side.starts[0] * 1e9) if side.starts.size else 0
    for row, value in enumerate(np.rint(counts).astype(np.int64).tolist()):
        if value:
            frames = _frames(both.table, row)
            message.sample.add(location_id=[frame + 1 for frame in frames], value=[value, round(value * side.cost)])
    return gzip.compress(message.SerializeToString(deterministic=True), mtime=0)


def collapsed(both: Comparison, side: Side, *, other: Side | None = None) -> str:
    """`main;serve;leaf 12` a line, the root first; with `other`, its count before that of `side` (difffolded.pl)."""
    columns = [each.counts.sum(axis=1) for each in ([side] if other is None else [other, side])]
    lines = []
    for row in range(len(both.table)):
        values = [round(float(column[row])) for column in columns]
        if any(values):
            names = [_plain(both.names[frame]) for frame in reversed(_frames(both.table, row))]
            lines.append(f"{';'.join(names)} {' '.join(map(str, values))}")
    return "\n".join(sorted(lines)) + "\n"


def _frames(table: Stacks, row: int) -> Sequence[int]:
    out: list[int] = table.frames[table.offsets[row] : table.offsets[row + 1]].tolist()
    return out


def _plain(name: str) -> str:
    """A frame without what separates frames and lines."""
    return "".join(":" if char == ";" else char if char.isprintable() else "?" for char in name)

"""A profile's samples as stacks of functions, and what each function has of them, flat and cumulative.

Flat is the value of the samples whose innermost frame it is, inlined frames included; cumulative is that of all
samples in which it occurs, each counted once however deep it recurs. Both as `go tool pprof -top` has them.
"""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np
from msgspec import Struct

from probes.profile.facts import I32, I64, ProfileFacts
from probes.profile.stacks.identity import PREEMPTED, UNKNOWN
from probes.profile.stacks.names import Names


class Stacks(Struct, frozen=True):
    """Stacks of functions. `offsets`: int64 (S + 1); `frames`: int32 rows of the names that numbered them, the leaf first."""

    offsets: I64
    frames: I32

    def __len__(self) -> int:
        """The number of stacks."""
        return len(self.offsets) - 1

    def leaves(self) -> I32:
        """The innermost frame of each stack, shape (S,); there is always one."""
        return self.frames[self.offsets[:-1]]

    def owners(self) -> I32:
        """The stack of each frame, int32, the shape of `frames`."""
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.offsets))

    def members(self) -> tuple[I32, I32]:
        """Each function with each stack that it occurs in, once: (functions, stacks), sorted by both."""
        # Frames come in the order of their stacks, so that a stable sort by function alone puts equal pairs together;
        # numpy sorts 16 bits by radix, which is what makes five million of them a matter of milliseconds.
        small = self.frames.size and int(self.frames.max()) < 1 << 16
        keys = self.frames.astype(np.uint16) if small else self.frames
        order = np.argsort(keys, kind="stable")
        functions, stacks = self.frames[order], self.owners()[order]
        first = np.ones(functions.size, dtype=np.bool_)
        first[1:] = (functions[1:] != functions[:-1]) | (stacks[1:] != stacks[:-1])
        return functions[first], stacks[first]


def stacks(profile: ProfileFacts, names: Names, *, normalise: bool = True) -> Stacks:
    """The samples of `profile` as stacks of identities, numbered by `names`; inlined frames are frames.

    A location without functions is one frame, named by its mapped file; so is a sample without locations.
    """
    functions = names.rows(profile.functions, normalise=normalise)
    per_location = np.diff(profile.line_offsets)
    lines = functions[profile.lines] if profile.lines.size else profile.lines
    if bool((per_location == 0).any()):
        unnamed = np.flatnonzero(per_location == 0)
        lines = np.insert(lines, profile.line_offsets[unnamed], _unnamed(profile, unnamed, names))
        per_location = np.maximum(per_location, 1)
    offsets, located = profile.stack_offsets, profile.stacks
    if bool((per_location != 1).any()):
        frames, lengths = _exploded(lines, per_location, located)
        ends = np.concatenate(([0], np.cumsum(lengths)))
        offsets = ends[offsets]
    else:
        frames = lines[located]
    empty = np.flatnonzero(np.diff(offsets) == 0)
    if empty.size:
        frames = np.insert(frames, offsets[empty], names.row(UNKNOWN))
        offsets = offsets + np.concatenate(([0], np.cumsum(np.diff(offsets) == 0)))
    return Stacks(offsets.astype(np.int64), frames.astype(np.int32))


def work(profile: ProfileFacts, names: Names) -> Stacks:
    """`stacks`, with the time at PREEMPTED given to the function that was asked to give way."""
    found = stacks(profile, names)
    drop = (found.leaves() == names.row(PREEMPTED)) & (np.diff(found.offsets) > 1)
    if not drop.any():
        return found
    keep = np.ones(found.frames.size, dtype=np.bool_)
    keep[found.offsets[:-1][drop]] = False
    return Stacks(found.offsets - np.concatenate(([0], np.cumsum(drop))), found.frames[keep])


def _exploded(lines: I32, per_location: I64, located: I32) -> tuple[I32, I64]:
    """The frames of all locations in `located`, and how many each has."""
    starts = np.cumsum(per_location) - per_location
    lengths = per_location[located]
    ends = np.cumsum(lengths)
    within = np.arange(int(ends[-1]) if ends.size else 0, dtype=np.int64)
    within -= np.repeat(ends - lengths - starts[located], lengths)
    return lines[within], lengths


def _unnamed(profile: ProfileFacts, rows: I64, names: Names) -> I32:
    out = []
    for row in rows.tolist():
        mapping = int(profile.location_mapping[row])
        file = PurePosixPath(profile.mappings[mapping].file).name if mapping >= 0 else ""
        out.append(names.row(f"[{file}]" if file else UNKNOWN))
    return np.array(out, dtype=np.int32)


def flat(found: Stacks, values: I64, count: int) -> I64:
    """The values of each of `count` functions' own frames: int64 (count, T) of `values` (S, T), or (count,) of (S,)."""
    out = np.zeros((count, *values.shape[1:]), dtype=np.int64)
    np.add.at(out, found.leaves(), values)
    return out


def cumulative(found: Stacks, values: I64, count: int) -> I64:
    """The values of the stacks that each of `count` functions occurs in; shapes as for `flat`."""
    out = np.zeros((count, *values.shape[1:]), dtype=np.int64)
    functions, owners = found.members()
    np.add.at(out, functions, values[owners])
    return out

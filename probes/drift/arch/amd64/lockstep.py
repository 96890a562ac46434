"""Which instructions of two functions have to be looked at (see `arch.lockstep`), for many functions at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from probes.arrays import distinct
from probes.drift.arch.amd64.blocks import Decoded, decode_together, in_portions
from probes.drift.arch.amd64.decoder import Amd64Code, take_over
from probes.drift.arch.amd64.encoding import words
from probes.drift.arch.amd64.outlines import Outlines, outlines_of
from probes.drift.arch.lockstep import MAX_PADS, Steps
from probes.drift.arch.lockstep import level_steps as one_by_one
from probes.elf.image import I64
from probes.parallel import each

WORKERS = 2


def steps(pairs: Sequence[tuple[Amd64Code, Amd64Code]]) -> list[Steps]:
    """For bodies of any lengths, the pairs of instructions that refer to addresses, or have other constants."""
    portions = in_portions(pairs, lambda pair: len(pair[0].code) + len(pair[1].code))
    return [found for portion in each(_steps, portions, WORKERS) for found in portion]


def _steps(pairs: Sequence[tuple[Amd64Code, Amd64Code]]) -> list[Steps]:
    codes = [code for pair in pairs for code in pair]
    found = decode_together([code.code for code in codes])
    take_over(codes, found)
    outlines = outlines_of(found)
    return [
        _walk(found, outlines, *bounds)
        for bounds in zip(found.first[:-2:2], found.first[1:-1:2], found.first[2::2], strict=True)
    ]


def _walk(found: Decoded, outlines: Outlines, start: int, middle: int, stop: int) -> Steps:
    """The steps of one pair: OLD's instructions are `start` to `middle`, NEW's `middle` to `stop`."""
    block = found.instructions
    if abs((middle - start) - (stop - middle)) > MAX_PADS or not block.known[start:stop].all():
        return None
    ours = np.flatnonzero(~block.pads[start:middle])
    theirs = np.flatnonzero(~block.pads[middle:stop])
    if ours.size != theirs.size:
        return None
    a, b = ours + start, theirs + middle
    if not np.array_equal(outlines.shapes[a], outlines.shapes[b]):
        return None
    look = outlines.refers[a] | outlines.refers[b] | (outlines.constants[a] != outlines.constants[b]).any(axis=1)
    return list(zip(ours[look].tolist(), theirs[look].tolist(), strict=True))


def level_steps(pairs: Sequence[tuple[Amd64Code, Amd64Code, Sequence[int]]]) -> list[Steps]:
    """For bodies of one length, the instructions at some places that refer to an address, or differ."""
    portions = in_portions(pairs, lambda pair: len(pair[0].code))
    return [found for portion in each(_level, portions, WORKERS) for found in portion]


def _level(pairs: Sequence[tuple[Amd64Code, Amd64Code, Sequence[int]]]) -> list[Steps]:
    olds = [old for old, _, _ in pairs]
    found = decode_together([old.code for old in olds])
    take_over(olds, found)
    block, fields = found.instructions, found.instructions.fields
    there = np.frombuffer(b"".join(new.code for _, new, _ in pairs), dtype=np.uint8)
    differ = np.flatnonzero(np.frombuffer(found.code, dtype=np.uint8) != there)
    other = _holding(block.starts, differ)
    # Where only displacements and immediates differ, the instructions of NEW are where those of OLD are.
    moved = ~block.known[other] | (differ < fields.displacement[other])
    apart = set(_holding(found.begins, differ[moved]).tolist())
    changed = np.zeros(block.starts.shape, dtype=np.bool_)
    changed[other] = True
    refers = (fields.relative | fields.branch) & (changed | ~_inside(found))
    out: list[Steps] = []
    for at, (old, new, places) in enumerate(pairs):
        if at in apart:
            out += one_by_one([(old, new, places)])
            continue
        new.same_places(old)
        rows = distinct(_holding(block.starts, np.array(places, dtype=np.int64) + found.begins[at]))
        looked_at = (rows[refers[rows] | changed[rows]] - found.first[at]).tolist()
        out.append(list(zip(looked_at, looked_at, strict=True)))
    return out


def _holding(starts: I64, places: I64) -> I64:
    """Which of the runs that begin at `starts`, sorted, holds each of `places`."""
    found: I64 = np.searchsorted(starts, places, side="right") - 1
    return found


def _inside(found: Decoded) -> npt.NDArray[np.bool_]:
    """Which instructions are jumps within their function: the same ones on both sides where their bytes are equal."""
    block, fields = found.instructions, found.instructions.fields
    out = np.zeros(block.starts.shape, dtype=np.bool_)
    branches = np.flatnonzero(fields.branch)
    targets = block.ends[branches] + words(found.code, fields.immediate[branches], fields.immediate_size[branches])
    function = _holding(found.begins, block.starts[branches])
    out[branches] = (targets >= found.begins[function]) & (targets < found.begins[function + 1])
    return out

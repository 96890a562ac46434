"""Which instructions of two functions have to be looked at (see `arch.lockstep`), for many functions at once.

Operation and operands of an instruction are the bytes before its displacement and immediate, so that two of them are
compared as two words each.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from probes.arrays import distinct
from probes.drift.arch.amd64.blocks import Decoded, decode_together, in_portions
from probes.drift.arch.amd64.decoder import BRANCHES, Amd64Code, take_over
from probes.drift.arch.amd64.encoding import LONGEST, words
from probes.drift.arch.lockstep import MAX_PADS, Steps
from probes.drift.arch.lockstep import level_steps as one_by_one
from probes.elf.image import I64, U64
from probes.parallel import each

WORKERS = 2

_LOW = np.array([[(1 << 8 * min(n, 8)) - 1, (1 << 8 * max(n - 8, 0)) - 1] for n in range(LONGEST + 2)], dtype=np.uint64)
"""For n up to 16, the lowest n bytes of two words."""


def steps(pairs: Sequence[tuple[Amd64Code, Amd64Code]]) -> list[Steps]:
    """For bodies of any lengths, the pairs of instructions that refer to addresses, or have other constants."""
    portions = in_portions(pairs, lambda pair: len(pair[0].code) + len(pair[1].code))
    return [found for portion in each(_steps, portions, WORKERS) for found in portion]


def _steps(pairs: Sequence[tuple[Amd64Code, Amd64Code]]) -> list[Steps]:
    codes = [code for pair in pairs for code in pair]
    found = decode_together([code.code for code in codes])
    take_over(codes, found)
    outlines = _outlines(found)
    return [
        _walk(found, outlines, *bounds)
        for bounds in zip(found.first[:-2:2], found.first[1:-1:2], found.first[2::2], strict=True)
    ]


def _walk(found: Decoded, outlines: _Outlines, start: int, middle: int, stop: int) -> Steps:
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


class _Outlines(Struct, frozen=True):
    """Of n instructions: `shapes` and `constants`, shape (n, 2), are equal where those of `Insn` are; `refers`: it has a target."""

    shapes: U64
    constants: U64
    refers: npt.NDArray[np.bool_]


def _outlines(found: Decoded) -> _Outlines:
    block, fields = found.instructions, found.instructions.fields
    raw = _windows(found.code, block.starts)
    size = block.ends - block.starts
    before = np.minimum(np.where(block.known, fields.displacement - block.starts, size), size)
    # A displacement from RIP is no constant.
    after = np.where(fields.relative, fields.immediate - block.starts, before)
    shapes = raw & _LOW[before]
    constants = raw & _LOW[size] & ~_LOW[np.minimum(after, size)]
    shapes[:, 1] |= size.astype(np.uint64) << np.uint64(56)  # an instruction has 15 bytes at most
    branches = np.flatnonzero(fields.branch)
    data = np.frombuffer(found.code, dtype=np.uint8)
    shapes[branches, 0] = BRANCHES[data[fields.immediate[branches] - 1]]
    shapes[branches, 1] = np.uint64(0xFF) << np.uint64(56)
    constants[branches] = 0
    return _Outlines(shapes, constants, fields.relative | fields.branch)


def _windows(code: bytes, starts: I64) -> U64:
    """The 16 bytes from each of `starts` on, as two words, shape (n, 2)."""
    data = np.frombuffer(code + bytes(LONGEST + 1), dtype=np.uint8)
    each_byte = np.ndarray((data.size - 7,), dtype="<u8", buffer=data, strides=(1,))
    return np.stack((each_byte[starts], each_byte[starts + 8]), axis=1)


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

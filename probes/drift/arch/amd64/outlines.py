"""What instructions do but for their operands, as two words each: the bytes before displacement and immediate."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from probes.drift.arch.amd64.blocks import Decoded
from probes.drift.arch.amd64.encoding import LONGEST
from probes.elf.image import I64, U64

# A short branch and a long one are the same; the conditions have the same numbers in both (opcodes 7x and 0F 8x).
BRANCHES = np.arange(256, dtype=np.uint64)
BRANCHES[0x70:0x80], BRANCHES[0xEB] = range(0x80, 0x90), 0xE9
_SIZE = np.uint64(56)
"""Bits of the second word below the size: an instruction has 15 bytes at most."""

_LOW = np.array([[(1 << 8 * min(n, 8)) - 1, (1 << 8 * max(n - 8, 0)) - 1] for n in range(LONGEST + 2)], dtype=np.uint64)
"""For n up to 16, the lowest n bytes of two words."""


class Outlines(Struct, frozen=True):
    """Of n instructions: `shapes` and `constants`, shape (n, 2), are equal where those of `Insn` are; `refers`: it has a target."""

    shapes: U64
    constants: U64
    refers: npt.NDArray[np.bool_]


def outlines_of(found: Decoded) -> Outlines:
    """The outlines of all instructions."""
    block, fields = found.instructions, found.instructions.fields
    raw = _windows(found.code, block.starts)
    size = block.ends - block.starts
    before = np.minimum(np.where(block.known, fields.displacement - block.starts, size), size)
    # A displacement from RIP is no constant.
    after = np.where(fields.relative, fields.immediate - block.starts, before)
    shapes = raw & _LOW[before]
    constants = raw & _LOW[size] & ~_LOW[np.minimum(after, size)]
    shapes[:, 1] |= size.astype(np.uint64) << _SIZE
    branches = np.flatnonzero(fields.branch)
    data = np.frombuffer(found.code, dtype=np.uint8)
    shapes[branches, 0] = BRANCHES[data[fields.immediate[branches] - 1]]
    shapes[branches, 1] = np.uint64(0xFF) << _SIZE
    constants[branches] = 0
    return Outlines(shapes, constants, fields.relative | fields.branch)


def _windows(code: bytes, starts: I64) -> U64:
    """The 16 bytes from each of `starts` on, as two words, shape (n, 2)."""
    data = np.frombuffer(code + bytes(LONGEST + 1), dtype=np.uint8)
    each_byte = np.ndarray((data.size - 7,), dtype="<u8", buffer=data, strides=(1,))
    return np.stack((each_byte[starts], each_byte[starts + 8]), axis=1)


def without_addresses(found: Decoded) -> U64:
    """Of n instructions, shape (n, 2): equal where all bytes are but for operands that are addresses, and constants beside those."""
    block, fields = found.instructions, found.instructions.fields
    size = block.ends - block.starts
    rest = np.where(fields.relative, fields.displacement, np.where(fields.branch, fields.immediate, block.ends))
    words: U64 = _windows(found.code, block.starts) & _LOW[np.minimum(rest - block.starts, size)]
    words[:, 1] |= size.astype(np.uint64) << _SIZE
    return words

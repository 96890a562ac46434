"""Places in code that could hold a PC-relative operand, on both sides of equally long code."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from probes.elf.image import I64

COVER = 4
"""Bytes of code that one window covers."""

CODE, LEA, MEMORY = 0, 1, 2
"""What a window may be: a branch; an address taken; a load, store or anything else with a memory operand."""


class Windows(Struct, frozen=True):
    """Candidate operands of a block. All arrays have shape (k,), sorted by `position`.

    `position`: index in the block of the first of the `COVER` bytes that the operand takes. `old`, `new`: the addresses
    that the operand would lead to on either side, int64. `need`: how many bytes of the target are used, where an
    instruction nearby says so (a string's length), else -1. `chance`: some of the windows may be no operands at all.
    """

    position: I64
    old: I64
    new: I64
    kind: npt.NDArray[np.uint8]
    need: I64
    chance: bool

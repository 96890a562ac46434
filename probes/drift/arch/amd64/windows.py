"""PC-relative operands in amd64 code: a superset.

A byte that looks like an opcode may be the middle of something else. Chance windows are told apart later, by what they
mean; instructions are decoded only where that does not settle it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from probes.drift.arch.amd64.encoding import ONE_BYTE_MODRM
from probes.drift.arch.windows import CODE, LEA, MEMORY, Windows
from probes.elf.image import I64, U8

# Go's integer argument registers in ABI order (src/cmd/compile/abi-internal.md): AX BX CX DI SI R8 R9 R10 R11.
_ORDER = {0: 3, 3: 1, 1: 7, 7: 6, 6: 8, 8: 9, 9: 10, 10: 11}


def windows(old: U8, new: U8, old_base: I64, new_base: I64, starts: I64) -> Windows:
    """Candidates in two blocks of amd64 code, each of shape (n,).

    Args:
        old: the bytes in OLD.
        new: the bytes in NEW.
        old_base: address in OLD of the first byte of each run, shape (r,).
        new_base: the same in NEW.
        starts: index in the block at which each run begins, shape (r,), sorted.
    """
    size = old.size
    if size < 5:
        return _none()
    # Arithmetic on bytes, not a table: looking up bytes would widen each to a word first.
    code = old[:-4]
    mark = ((code & 0xC7) == 0x05) | ((code & 0xFE) == 0xE8)  # ModRM of disp32(%rip); CALL and JMP rel32
    jcc = (old[:-5] == 0x0F) & ((old[1:-4] & 0xF0) == 0x80)  # 0F 80..8F: Jcc rel32
    mark[1:] |= jcc
    at = np.flatnonzero(mark) + 1
    opcode = old[at - 1]
    at = at[(opcode == new[at - 1]) & (((opcode & 0xC7) != 0x05) | _has_opcode(old, at))]
    opcode = old[at - 1]
    run = np.searchsorted(starts, at, side="right") - 1
    origin = at - starts[run] + 4
    old_target = old_base[run] + origin + _i32(old, at)
    new_target = new_base[run] + origin + _i32(new, at)
    modrm = (opcode & 0xC7) == 0x05
    before = old[np.maximum(at - 2, 0)]
    lea = modrm & (before == 0x8D) & (at >= 3)
    branch = (opcode == 0xE8) | (opcode == 0xE9) | (((opcode & 0xF0) == 0x80) & (before == 0x0F))
    kind = np.where(branch, CODE, np.where(lea, LEA, MEMORY)).astype(np.uint8)
    return Windows(at, old_target, new_target, kind, _lengths(old, at, lea), chance=True)


def _has_opcode(code: U8, at: I64) -> npt.NDArray[np.bool_]:
    """Whether an opcode can stand before the ModRM byte at `at - 1`: of one byte, or behind 0F, 0F 38, VEX or EVEX."""
    out = (at >= 2) & ONE_BYTE_MODRM[code[np.maximum(at - 2, 0)]]
    for back, first in ((3, 0x0F), (4, 0x0F), (4, 0xC5), (5, 0xC4), (6, 0x62)):
        out |= (at >= back) & (code[np.maximum(at - back, 0)] == first)
    return out


def _i32(data: U8, at: I64) -> I64:
    words = np.ndarray((data.size - 3,), dtype="<i4", buffer=data, strides=(1,))
    return words[at].astype(np.int64)


def _lengths(code: U8, at: I64, lea: npt.NDArray[np.bool_]) -> I64:
    """Length of a string whose address `LEA` takes, when the next instruction puts it into the next argument register.

    `48 8D /r disp32` or `4C 8D` and then `B8+r imm32` or `41 B8+r imm32`.
    """
    need = np.full(at.shape, -1, dtype=np.int64)
    rows = np.flatnonzero(lea & (at + 10 <= code.size))
    if not rows.size:
        return need
    place = at[rows]
    rex = code[place - 3]
    register = ((code[place - 1] >> 3) & 7).astype(np.int64) + np.where(rex & 4, 8, 0)
    wide = code[place + 4] == 0x41
    after = place + 4 + wide
    target = (code[after] & 7).astype(np.int64) + np.where(wide, 8, 0)
    expected = np.array([_ORDER.get(r, -1) for r in range(16)], dtype=np.int64)[register]
    good = ((rex & 0xF8) == 0x48) & ((code[after] & 0xF8) == 0xB8) & (target == expected) & (after + 5 <= code.size)
    rows, after = rows[good], after[good]
    length = _i32(code, np.minimum(after + 1, code.size - 4))
    need[rows] = np.where(length > 0, length, -1)
    return need


def _none() -> Windows:
    empty = np.zeros(0, dtype=np.int64)
    return Windows(empty, empty, empty, np.zeros(0, dtype=np.uint8), empty, chance=True)

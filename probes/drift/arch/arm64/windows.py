"""PC-relative operands in arm64 code. Instructions are words, so nothing here is chance.

Encodings: Arm ARM C4.1; the linker's relocation types are R_CALLARM64, R_ADDRARM64, R_ARM64_PCREL_LDST* and
R_ARM64_GOTPCREL (cmd/internal/objabi/reloctype.go), each a pair of neighbouring instructions but for calls.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from probes.drift.arch.windows import CODE, LEA, MEMORY, Windows
from probes.elf.image import I64, U8, U32

Bools = npt.NDArray[np.bool_]
_BRANCH = 0x03FFFFFF  # imm26
_PAGE = 0x60FFFFE0  # immlo, immhi
_LOW = 0x003FFC00  # imm12


def windows(old: U8, new: U8, old_base: I64, new_base: I64, starts: I64) -> Windows:
    """Operands of two blocks of arm64 code of n bytes; arguments and result as in `amd64.windows`.

    A window whose bits outside of the operand differ is left out, so that they count as a difference.
    """
    a, b = _words(old), _words(new)
    if a.size < 2:
        a, b = np.append(a, np.zeros(2, dtype=np.uint32)), np.append(b, np.zeros(2, dtype=np.uint32))
    call = ((a & 0x7C000000) == 0x14000000) & ((a ^ b) & ~np.uint32(_BRANCH) == 0)
    page = (a[:-1] & 0x9F000000) == 0x90000000
    page &= (a[:-1] ^ b[:-1]) & ~np.uint32(_PAGE) == 0
    page &= (a[1:] ^ b[1:]) & ~np.uint32(_LOW) == 0
    register = a[:-1] & 31
    add = (a[1:] & 0xFFC00000) == 0x91000000
    memory = (a[1:] & 0x3B000000) == 0x39000000
    page &= (add | memory) & (((a[1:] >> 5) & 31) == register)
    calls, pages = np.flatnonzero(call), np.flatnonzero(page)
    at = np.concatenate((calls, pages)) * 4
    run = np.searchsorted(starts, at, side="right") - 1
    origin = at - starts[run]
    is_call = np.concatenate((np.ones(calls.size, dtype=np.bool_), np.zeros(pages.size, dtype=np.bool_)))
    old_target = _target(a, at // 4, old_base[run] + origin, is_call)
    new_target = _target(b, at // 4, new_base[run] + origin, is_call)
    low_add = np.concatenate((np.zeros(calls.size, dtype=np.bool_), add[pages]))
    kind = np.where(is_call, CODE, np.where(low_add, LEA, MEMORY)).astype(np.uint8)
    need = _lengths(a, at // 4, low_add)
    # An address is made by two words: both are windows, with the same target.
    second = np.flatnonzero(~is_call)
    at = np.concatenate((at, at[second] + 4))
    order = np.argsort(at, kind="stable")

    both = np.concatenate((np.arange(is_call.size), second))[order]
    return Windows(at[order], old_target[both], new_target[both], kind[both], need[both], chance=False)


def _words(code: U8) -> U32:
    return np.frombuffer(code[: code.size // 4 * 4].tobytes(), dtype="<u4")


def _target(words: U32, slot: I64, pc: I64, is_call: Bools) -> I64:
    word = words[slot].astype(np.int64)
    imm26 = ((word & _BRANCH) ^ 0x2000000) - 0x2000000
    immediate = (((word >> 5) & 0x7FFFF) << 2) | ((word >> 29) & 3)
    page = (pc & ~np.int64(0xFFF)) + (((immediate ^ 0x100000) - 0x100000) << 12)
    second = words[np.minimum(slot + 1, words.size - 1)].astype(np.int64)
    scale = (second >> 30) & 3
    vector = (second >> 26) & 1
    scale = np.where((vector == 1) & ((second >> 23) & 1 == 1) & (scale == 0), 4, scale)  # 128-bit: opc<1> set
    scale = np.where((second & 0xFFC00000) == 0x91000000, 0, scale)
    return np.where(is_call, pc + imm26 * 4, page + (((second >> 10) & 0xFFF) << scale))


def _lengths(words: U32, slot: I64, taken: Bools) -> I64:
    """Length of a string whose address ADRP+ADD takes into Rn, when the next word is `MOVZ Rn+1, #imm16`."""
    need = np.full(slot.shape, -1, dtype=np.int64)
    rows = np.flatnonzero(taken & (slot + 2 < words.size))
    if not rows.size:
        return need
    add, move = words[slot[rows] + 1].astype(np.int64), words[slot[rows] + 2].astype(np.int64)
    good = ((move & 0x7FE00000) == 0x52800000) & ((move & 31) == (add & 31) + 1)
    length = (move >> 5) & 0xFFFF
    need[rows[good]] = np.where(length[good] > 0, length[good], -1)
    return need

"""What arm64 instruction words read through a register, and which register they write.

Encodings: Arm Architecture Reference Manual for A-profile, C4.1 "A64 instruction set encoding".
"""

from __future__ import annotations

from probes.drift.arch.code import Comparison, Effect, Load, signed


def load(word: int) -> Load | None:
    """A load of one register or a pair with any addressing mode but literals, or an ADD that forms the address of one.

    None for other instructions.
    """
    if word & 0xFF200000 == 0x8B000000:  # ADD Xd, Xn, Xm, shifted by imm6 15:10
        scale = 1 << (word >> 10 & 63)
        return Load(word >> 5 & 31, 0, 0, indexed=True, index=word >> 16 & 31, scale=scale)
    if word & 0xBE000000 == 0x0C000000:
        return _structures(word) if word >> 22 & 1 else None
    if word & 0x3F400000 == 0x08400000:  # LDXR, LDAR and their pairs: size 31:30, o1 21
        return Load(word >> 5 & 31, 0, (2 if word >> 21 & 1 and not word >> 23 & 1 else 1) << (word >> 30))
    if word & 0x3A000000 == 0x28000000:
        return _pair(word) if word >> 22 & 1 else None
    return _single(word) if word & 0x3A000000 == 0x38000000 else None


_REGISTERS = {0b0000: 4, 0b0010: 4, 0b0100: 3, 0b0110: 3, 0b0111: 1, 0b1000: 2, 0b1010: 2}
"""Registers of a load of multiple structures, by opcode 15:12: LD4, LD1 of four, LD3, LD1 of three, of one, LD2, LD1 of two."""


def _structures(word: int) -> Load:
    """LD1 to LD4: Q 30, single structure 24, post-index 23, R 21, Rm 20:16, opcode 15:12, size 11:10, Rn 9:5."""
    if word >> 24 & 1:
        scale = word >> 14 & 3
        if scale == 3:  # LD1R to LD4R
            scale = word >> 10 & 3
        elif scale == 2 and word >> 10 & 1:
            scale = 3
        size = (1 + (word >> 21 & 1) + 2 * (word >> 13 & 1)) << scale
    else:
        size = _REGISTERS.get(word >> 12 & 15, 4) * (16 if word >> 30 & 1 else 8)
    step = size if word >> 23 & 1 and word >> 16 & 31 == 31 else 0
    # By a register the address is moved by an unknown distance.
    return Load(word >> 5 & 31, 0, size, step=step, indexed=bool(word >> 23 & 1) and not step)


def _pair(word: int) -> Load:
    """LDP: opc 31:30, V 26, mode 25:23, L 22, imm7 21:15, Rn 9:5."""
    size = 4 << (word >> 30) if word >> 26 & 1 else 4 << (word >> 31)
    return _placed(word, signed(word >> 15, 7) * size, 2 * size, word >> 23 & 3)


def _single(word: int) -> Load | None:
    """LDR: size 31:30, V 26, unsigned offset 24, opc 23:22, then imm12, or imm9 and mode, or a register; Rn 9:5."""
    opc, scale = word >> 22 & 3, word >> 30
    if word >> 26 & 1:
        scale, loads = (4 if opc & 2 and scale == 0 else scale), opc & 1  # size 0 with opc 1x is a quadword
    else:
        loads = opc
    if not loads:
        return None
    if word >> 24 & 1:
        return Load(word >> 5 & 31, (word >> 10 & 0xFFF) << scale, 1 << scale)
    if word >> 21 & 1:
        shifted = 1 << scale if word >> 12 & 1 else 1
        found = Load(word >> 5 & 31, 0, 1 << scale, indexed=True, index=word >> 16 & 31, scale=shifted)
        return found if word >> 10 & 3 == 2 else None
    return _placed(word, signed(word >> 12, 9), 1 << scale, word >> 10 & 3)


def _placed(word: int, offset: int, size: int, mode: int) -> Load:
    """By mode: 1 adds the offset afterwards, 3 before, others leave the register alone."""
    base = word >> 5 & 31
    if mode == 1:
        return Load(base, 0, size, step=offset)
    return Load(base, offset, size, step=offset if mode == 3 else 0)


def adds(word: int) -> tuple[int, int] | None:
    """(register, constant) of ADD and SUB, immediate, that have one register as source and destination."""
    if word & 0x1F800000 != 0x11000000 or word >> 5 & 31 != word & 31:
        return None
    constant = (word >> 10 & 0xFFF) << (12 if word >> 22 & 1 else 0)
    return word & 31, -constant if word >> 30 & 1 else constant


def _moved_bits(word: int, bits: int) -> Effect | None:
    """UBFM: immr 21:16, imms 15:10."""
    target, source, right, last = word & 31, word >> 5 & 31, word >> 16 & 63, word >> 10 & 63
    if last >= right:  # LSR, UBFX, UXTB, UXTH
        return Effect(target, source, limit=(1 << (last - right + 1)) - 1, shift=right)
    return Effect(target, source, multiple=1 << (bits - right)) if right == last + 1 else None  # LSL


_BOUNDS: dict[int, tuple[int | None, int | None]] = {
    0x2: (None, -1),  # HS
    0xA: (None, -1),  # GE
    0x8: (None, 0),  # HI
    0xC: (None, 0),  # GT
    0x3: (-1, None),  # LO
    0xB: (-1, None),  # LT
    0x9: (0, None),  # LS
    0xD: (0, None),  # LE
}
"""What the most that is compared adds to the constant, where the branch is taken and where it is not."""


def compares(word: int, following: int) -> Comparison | None:
    """What CMP with a constant (SUBS to the zero register, imm12 21:10) and the B.cond behind it say."""
    if word & 0x7F80001F != 0x7100001F or following & 0xFF000010 != 0x54000000:
        return None
    adds = _BOUNDS.get(following & 15)
    if adds is None:
        return None
    constant = (word >> 10 & 0xFFF) << (12 if word >> 22 & 1 else 0)
    taken, passed = (None if add is None else constant + add for add in adds)
    return Comparison(word >> 5 & 31, taken, passed)


def ends(word: int) -> bool:
    """Whether no way leads to the next instruction: B, BR and RET."""
    return word & 0xFC000000 == 0x14000000 or word & 0xFF9FFC1F == 0xD61F0000


def effect(word: int) -> Effect | None:
    """What `word` makes of one register from another one and constants; None for what bounds nothing."""
    target, source = word & 31, word >> 5 & 31
    bits = 64 if word >> 31 else 32
    if word & 0x1F800000 == 0x11000000 and not word >> 29 & 1:  # ADD and SUB, immediate
        constant = (word >> 10 & 0xFFF) << (12 if word >> 22 & 1 else 0)
        return Effect(target, source, offset=-constant if word >> 30 & 1 else constant)
    if word & 0x7F800000 == 0x53000000:
        return _moved_bits(word, bits)
    if word & 0x7F800000 == 0x12000000:  # AND, immediate: N 22, immr, imms; masks of the lowest bits only
        ones = (word >> 10 & 63) + 1
        return Effect(target, limit=(1 << ones) - 1) if not word >> 16 & 63 and ones < bits else None
    if word & 0x7FE0FFE0 == 0x2A0003E0:  # MOV: ORR of the zero register
        return Effect(target, word >> 16 & 31)
    if (
        word & 0x7F200000 == 0x0B000000 and source == word >> 16 & 31 and word >> 22 & 3 == 0
    ):  # ADD Rd, Rn, Rn, LSL imm6
        return Effect(target, source, multiple=1 + (1 << (word >> 10 & 63)))
    return None


def writes(word: int, register: int) -> bool:
    """Whether `register` is the destination of a load, or of a data processing instruction."""
    if word & 31 != register:
        return load(word) is not None and word & 0x3A000000 == 0x28000000 and word >> 10 & 31 == register
    found = load(word)
    if found is not None:
        return not word >> 26 & 1
    return word >> 26 & 7 == 4 or word >> 25 & 7 == 5

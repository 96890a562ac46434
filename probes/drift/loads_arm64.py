"""What arm64 instruction words read through a register, and which register they write.

Encodings: Arm Architecture Reference Manual for A-profile, C4.1 "A64 instruction set encoding".
"""

from __future__ import annotations

from probes.drift.insn import Load


def load(word: int) -> Load | None:
    """A load of one register or a pair with any addressing mode but literals, or an ADD that forms the address of one.

    None for other instructions.
    """
    if word & 0xFF200000 == 0x8B000000 and word >> 10 & 63:  # ADD Xd, Xn, Xm, shifted by imm6 15:10
        return Load(word >> 5 & 31, 0, 0, indexed=True)
    if word & 0x3A000000 == 0x28000000:
        return _pair(word) if word >> 22 & 1 else None
    return _single(word) if word & 0x3A000000 == 0x38000000 else None


def _pair(word: int) -> Load:
    """LDP: opc 31:30, V 26, mode 25:23, L 22, imm7 21:15, Rn 9:5."""
    size = 4 << (word >> 30) if word >> 26 & 1 else 4 << (word >> 31)
    return _placed(word, _signed(word >> 15, 7) * size, 2 * size, word >> 23 & 3)


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
        return Load(word >> 5 & 31, 0, 1 << scale, indexed=True) if word >> 10 & 3 == 2 else None
    return _placed(word, _signed(word >> 12, 9), 1 << scale, word >> 10 & 3)


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


def writes(word: int, register: int) -> bool:
    """Whether `register` is the destination of a load, or of a data processing instruction."""
    if word & 31 != register:
        return load(word) is not None and word & 0x3A000000 == 0x28000000 and word >> 10 & 31 == register
    found = load(word)
    if found is not None:
        return not word >> 26 & 1
    return word >> 26 & 7 == 4 or word >> 25 & 7 == 5


def _signed(value: int, bits: int) -> int:
    return (value & ((1 << bits) - 1) ^ (1 << (bits - 1))) - (1 << (bits - 1))

"""What amd64 instructions make of integer registers, as far as it bounds an index."""

from __future__ import annotations

from iced_x86 import Code, ConditionCode, Mnemonic, OpKind, Register, RegisterExt
from iced_x86 import Instruction as Raw

from probes.drift.arch.code import Comparison, Effect

_RAX, _EAX, _AX = Register.RAX, Register.EAX, Register.AX
_BYTES = {getattr(Register, name): at for at, name in enumerate(("AL", "CL", "DL", "BL", "SPL", "BPL", "SIL", "DIL"))}
_BYTES |= {getattr(Register, f"R{at}L"): at for at in range(8, 16)}
_BRANCHES = {OpKind.NEAR_BRANCH16, OpKind.NEAR_BRANCH32, OpKind.NEAR_BRANCH64}
_FROM_BYTE = {Code.MOVZX_R32_RM8, Code.MOVZX_R64_RM8, Code.MOVZX_R16_RM8}
_BOUNDS: dict[int, tuple[int | None, int | None]] = {
    ConditionCode.A: (None, 0),
    ConditionCode.G: (None, 0),
    ConditionCode.AE: (None, -1),
    ConditionCode.GE: (None, -1),
    ConditionCode.B: (-1, None),
    ConditionCode.L: (-1, None),
    ConditionCode.BE: (0, None),
    ConditionCode.LE: (0, None),
}
"""What the most that is compared adds to the constant, where the branch is taken and where it is not."""


def number(register: int) -> int:
    """Number of a 64-bit or 32-bit register, -1 for others."""
    if _RAX <= register < _RAX + 16:
        return register - _RAX
    if _EAX <= register < _EAX + 16:
        return register - _EAX
    return -1


def compares(raw: Raw, following: Raw) -> Comparison | None:
    """What CMP of a register with a constant and the branch behind it say."""
    adds = _BOUNDS.get(following.condition_code) if following.op0_kind in _BRANCHES else None
    if adds is None or raw.mnemonic != Mnemonic.CMP or raw.op0_kind != OpKind.REGISTER:
        return None
    register = _any(raw.op0_register)
    if register < 0 or raw.op1_kind in {OpKind.REGISTER, OpKind.MEMORY}:
        return None
    bits = 8 * RegisterExt.size(raw.op0_register)
    constant = raw.immediate(1) % (1 << bits)
    if constant >= 1 << (bits - 1):  # negative, or so large that it bounds no index
        return None
    taken, passed = (None if add is None else constant + add for add in adds)
    return Comparison(register, taken, passed, low=number(raw.op0_register) < 0)


def effect(raw: Raw) -> Effect | None:
    """What `raw` does to a register, None for what bounds nothing."""
    if raw.op_count < 1 or raw.op0_kind != OpKind.REGISTER or (target := _any(raw.op0_register)) < 0:
        return None
    if number(raw.op0_register) < 0:  # the lowest bits, which an extension will take
        return _by_constant(target, raw) if raw.mnemonic in {Mnemonic.AND, Mnemonic.SHR} and raw.op_count > 1 else None
    found: Effect | None = None
    match raw.mnemonic:
        case Mnemonic.MOV if raw.op1_kind == OpKind.REGISTER:
            found = Effect(target, number(raw.op1_register))
        case Mnemonic.MOVZX:
            found = _extended(target, raw)
        case Mnemonic.LEA:
            found = _address(target, raw)
        case Mnemonic.INC | Mnemonic.DEC:
            found = Effect(target, target, offset=1 if raw.mnemonic == Mnemonic.INC else -1)
        case _ if raw.op_count > 1:
            found = _by_constant(target, raw)
    return found


def _by_constant(target: int, raw: Raw) -> Effect | None:
    last = raw.op_count - 1
    if raw.op_kind(last) in {OpKind.REGISTER, OpKind.MEMORY}:
        return None
    constant = raw.immediate(last)
    signed = (constant + (1 << 63)) % (1 << 64) - (1 << 63)
    found: Effect | None = None
    match raw.mnemonic:
        case Mnemonic.ADD | Mnemonic.SUB:
            found = Effect(target, target, offset=signed if raw.mnemonic == Mnemonic.ADD else -signed)
        case Mnemonic.AND if signed >= 0:
            found = Effect(target, limit=signed)
        case Mnemonic.SHL:
            found = Effect(target, target, multiple=1 << (constant & 63))
        case Mnemonic.SHR if constant & 63:
            bits = 8 * RegisterExt.size(raw.op0_register) - (constant & 63)
            found = Effect(target, target, limit=(1 << max(bits, 0)) - 1, shift=constant & 63)
        case Mnemonic.IMUL if raw.op_count == 3 and raw.op1_kind == OpKind.REGISTER and signed > 0:
            found = Effect(target, number(raw.op1_register), multiple=signed)
    return found


def _extended(target: int, raw: Raw) -> Effect:
    if raw.op1_kind == OpKind.REGISTER:
        narrow = raw.op1_register in _BYTES
        return Effect(target, _any(raw.op1_register), limit=0xFF if narrow else 0xFFFF)
    return Effect(target, limit=0xFF if raw.code in _FROM_BYTE else 0xFFFF)


def _address(target: int, raw: Raw) -> Effect:
    base, index, scale = number(raw.memory_base), number(raw.memory_index), raw.memory_index_scale
    offset = (raw.memory_displacement + (1 << 63)) % (1 << 64) - (1 << 63)
    if index < 0:
        return Effect(target, base, offset=offset)
    if base < 0 and raw.memory_base == Register.NONE:
        return Effect(target, index, multiple=scale, offset=offset)
    return Effect(target, base, multiple=1 + scale, offset=offset) if base == index else Effect(target)


def _any(register: int) -> int:
    """Number of an integer register of any width, -1 for others."""
    if _AX <= register < _AX + 16:
        return register - _AX
    return _BYTES.get(register, number(register))

"""What amd64 instructions make of integer registers, as far as it bounds an index."""

from __future__ import annotations

from probes.drift.arch.amd64.instruction import REGISTERS, Instruction, Memory
from probes.drift.arch.code import Comparison, Effect

_BOUNDS: dict[str, tuple[int | None, int | None]] = {
    "ja": (None, 0),
    "jg": (None, 0),
    "jae": (None, -1),
    "jge": (None, -1),
    "jb": (-1, None),
    "jl": (-1, None),
    "jbe": (0, None),
    "jle": (0, None),
}
"""What the most that is compared adds to the constant, where the branch is taken and where it is not."""
_WIDE = 4
"""Bytes of a register from which on an operation sets the whole of it."""


def number(name: str) -> int:
    """Number of a 64-bit or 32-bit register, -1 for others."""
    found, size = REGISTERS.get(name, (-1, 0))
    return found if size >= _WIDE else -1


def compares(raw: Instruction, following: Instruction) -> Comparison | None:
    """What CMP of a register with a constant and the branch behind it say."""
    adds = _BOUNDS.get(following.operation)
    constant = raw.constant(1)
    register, size = REGISTERS.get(raw.register(0), (-1, 0))
    if adds is None or raw.operation != "cmp" or constant is None or register < 0:
        return None
    bits = 8 * size
    constant %= 1 << bits
    if constant >= 1 << (bits - 1):  # negative, or so large that it bounds no index
        return None
    taken, passed = (None if add is None else constant + add for add in adds)
    return Comparison(register, taken, passed, low=size < _WIDE)


def effect(raw: Instruction) -> Effect | None:
    """What `raw` does to a register, None for what bounds nothing."""
    target, size = REGISTERS.get(raw.register(0), (-1, 0))
    if target < 0:
        return None
    if size < _WIDE:  # the lowest bits, which an extension will take
        return _by_constant(target, size, raw) if raw.operation in {"and", "shr"} else None
    found: Effect | None = None
    match raw.operation:
        case "mov" if raw.register(1):
            found = Effect(target, number(raw.register(1)))
        case "movzx":
            found = _extended(target, raw)
        case "lea":
            found = _address(target, raw)
        case "inc" | "dec":
            found = Effect(target, target, offset=1 if raw.operation == "inc" else -1)
        case _:
            found = _by_constant(target, size, raw)
    return found


def _by_constant(target: int, size: int, raw: Instruction) -> Effect | None:
    constant = raw.constant(len(raw.operands) - 1)
    if constant is None:
        return None
    half = 1 << (8 * size - 1)
    constant = (constant + half) % (2 * half) - half
    found: Effect | None = None
    match raw.operation:
        case "add" | "sub":
            found = Effect(target, target, offset=constant if raw.operation == "add" else -constant)
        case "and" if constant >= 0:
            found = Effect(target, limit=constant)
        case "shl" | "sal":
            found = Effect(target, target, multiple=1 << (constant & 63))
        case "shr" if constant & 63:
            bits = 8 * size - (constant & 63)
            found = Effect(target, target, limit=(1 << max(bits, 0)) - 1, shift=constant & 63)
        case "imul" if len(raw.operands) == 3 and raw.register(1) and constant > 0:
            found = Effect(target, number(raw.register(1)), multiple=constant)
    return found


def _extended(target: int, raw: Instruction) -> Effect:
    source = raw.operands[1]
    if isinstance(source, Memory):
        return Effect(target, limit=0xFF if source.size == 1 else 0xFFFF)
    register, size = REGISTERS.get(str(source), (-1, 0))
    return Effect(target, register, limit=0xFF if size == 1 else 0xFFFF)


def _address(target: int, raw: Instruction) -> Effect | None:
    memory = raw.memory
    if memory is None:
        return None
    base, index = number(memory.base), number(memory.indexed_by)
    if index < 0:
        return Effect(target, base, offset=memory.displacement)
    if not memory.base:
        return Effect(target, index, multiple=memory.scale, offset=memory.displacement)
    return (
        Effect(target, base, multiple=1 + memory.scale, offset=memory.displacement) if base == index else Effect(target)
    )

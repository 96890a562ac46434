"""How far an index can lead: the bound check that stands before a load from a table tells how long the table is.

The code before the load is followed in a straight line. Every register holds `multiple * origin + offset` of a value whose
origin is not known, but which a comparison with an unsigned branch, a mask, a shift or an extension bounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.drift.insn import BRANCH, CALL
from probes.records import dataclass

if TYPE_CHECKING:
    from probes.drift.insn import Code, Effect, Load

BEFORE = 64
"""Instructions before the load that are followed."""
BEHIND = 96
"""Instructions behind the load among which the end of its loop is looked for."""
MAX_BOUND = 1 << 20


@dataclass(frozen=True, slots=True)
class _Value:
    origin: int
    multiple: int
    offset: int


class _Registers:
    def __init__(self) -> None:
        self.values: dict[int, _Value] = {}
        self.bounds: dict[int, int] = {}
        self.fresh = 0

    def value(self, register: int) -> _Value:
        if register not in self.values:
            self.fresh += 1
            self.values[register] = _Value(self.fresh, 1, 0)
        return self.values[register]

    def largest(self, register: int) -> int:
        """The most that `register` can hold, -1 when nothing tells."""
        value = self.value(register)
        bound = self.bounds.get(value.origin, -1)
        return -1 if bound < 0 else value.multiple * bound + value.offset

    def apply(self, effect: Effect) -> None:
        if effect.source < 0 or effect.shift:
            known = self.largest(effect.source) if effect.source >= 0 else -1
            limit = known >> effect.shift if known >= 0 else effect.limit
            self.values.pop(effect.target, None)
            if limit >= 0:
                self.bounds[self.value(effect.target).origin] = limit
            return
        old = self.value(effect.source)
        value = _Value(old.origin, old.multiple * effect.multiple, old.offset * effect.multiple + effect.offset)
        self.values[effect.target] = value
        if effect.limit >= 0:
            self.bounds.setdefault(old.origin, effect.limit)

    def bound(self, register: int, largest: int) -> None:
        """Take note that `register` holds at most `largest`."""
        value = self.value(register)
        if value.multiple > 0:
            self.bounds[value.origin] = (largest - value.offset) // value.multiple


def table_bytes(code: Code, place: int, load: Load) -> int:
    """Bytes of the table that `load`, at instruction `place`, reads at an index, counted from its base; -1 when unbounded."""
    if load.index < 0:
        return -1
    registers = _Registers()
    for at in range(max(place - BEFORE, 0), place):
        _follow(code, at, registers)
    size = _size(load, registers)
    return size if size >= 0 else _looped(code, place, load)


def _size(load: Load, registers: _Registers) -> int:
    value = registers.value(load.index)
    bound = registers.bounds.get(value.origin, -1)
    stride = load.scale * value.multiple
    if not 0 <= bound <= MAX_BOUND or stride <= 0:
        return -1
    # Whole elements: another field of the last one may be read elsewhere.
    first = load.offset + load.scale * value.offset
    return first - first % stride + stride * (bound + 1)


def _follow(code: Code, at: int, registers: _Registers) -> None:
    """Take note of what instruction `at` does."""
    insn = code.insn(at)
    if insn.kind == CALL:
        registers.values.clear()  # Go's functions keep no register
        return
    if insn.kind == BRANCH:
        return
    compared, effect = code.compares(at), code.effect(at)
    if compared is not None:
        registers.bound(*compared)
    elif effect is not None:
        registers.apply(effect)
    else:
        for register in [r for r in registers.values if code.writes(at, r)]:
            del registers.values[register]


def _looped(code: Code, place: int, load: Load) -> int:
    """As `table_bytes`, where the load is in a loop whose end, behind it, jumps back while a register is below a constant.

    That register holds at most the constant less one where the loop begins, whatever happened to it before.
    """
    for at in range(place, place + BEHIND):
        if not code.has(at + 1):
            break
        compared, branch = code.counts(at), code.insn(at + 1)
        if compared is None or branch.kind != BRANCH:
            continue
        start = (branch.target or 0) - code.address
        if not 0 <= start <= code.insn(place).offset:
            continue
        registers = _Registers()
        registers.bound(compared[0], compared[1] - 1)
        for inside in range(code.index_at(start), place):
            _follow(code, inside, registers)
        return _size(load, registers)
    return -1

"""How far an index can lead: the bound check that stands before a load from a table tells how long the table is.

The code up to the load is followed from place to place. Every register holds `multiple * origin + offset` of a value whose
origin is not known, but which a mask, a shift, an extension, or a comparison on the way that its branch takes bounds. Where
several ways meet, nothing is known. A signed comparison bounds as well: an index is never negative.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from probes.drift.arch.code import BRANCH, CALL

if TYPE_CHECKING:
    from probes.drift.arch.code import Code, Comparison, Effect, Load

BEFORE = 64
"""Instructions before the load that are followed."""
BEHIND = 96
"""Instructions behind the load among which the end of its loop is looked for."""
MAX_BOUND = 1 << 20


class _Value(Struct, frozen=True):
    origin: int
    multiple: int
    offset: int


class _Registers:
    """What is known at one place: the value of each register, the most that each origin is, and which are parts of others.

    `low` bounds the lowest bits of an origin, which an extension then takes as a value of their own, a part.
    """

    def __init__(self) -> None:
        self.values: dict[int, _Value] = {}
        self.bounds: dict[int, int] = {}
        self.low: dict[int, int] = {}
        self.parts: dict[int, int] = {}

    def copy(self) -> _Registers:
        other = _Registers()
        other.values, other.bounds = dict(self.values), dict(self.bounds)
        other.low, other.parts = dict(self.low), dict(self.parts)
        return other

    def value(self, register: int) -> _Value:
        if register not in self.values:
            self.values[register] = _Value(self._fresh(), 1, 0)
        return self.values[register]

    def _fresh(self) -> int:
        """An origin that no register has; they are counted by object, so that copies do not share one."""
        return max((*self.bounds, *self.low, *self.parts, *(v.origin for v in self.values.values())), default=0) + 1

    def limit(self, origin: int, largest: int) -> None:
        """Take note that `origin` is at most `largest`; so are its parts."""
        self.bounds[origin] = min(self.bounds.get(origin, largest), largest)
        for part, whole in self.parts.items():
            if whole == origin:
                self.bounds[part] = min(self.bounds.get(part, largest), largest)

    def bound(self, register: int, largest: int, *, low: bool = False) -> None:
        """Take note that `register`, or its lowest bits, holds at most `largest`."""
        value = self.value(register)
        if value.multiple <= 0:
            return
        most = (largest - value.offset) // value.multiple
        if not low:
            self.limit(value.origin, most)
        elif (value.multiple, value.offset) == (1, 0):
            self.low[value.origin] = min(self.low.get(value.origin, most), most)
            for part in [p for p, whole in self.parts.items() if whole == value.origin]:
                self.limit(part, most)

    def learn(self, compared: Comparison, largest: int | None) -> None:
        """Take note of what a comparison says of the way here."""
        if largest is not None:
            self.bound(compared.register, largest, low=compared.low)

    def apply(self, effect: Effect) -> None:
        """Take note of what an instruction makes of a register."""
        source = self.value(effect.source) if effect.source >= 0 else None
        known = self.bounds.get(source.origin, -1) if source is not None else -1
        if source is not None and not effect.shift and effect.limit < 0:
            multiple = source.multiple * effect.multiple
            self.values[effect.target] = _Value(
                source.origin, multiple, source.offset * effect.multiple + effect.offset
            )
            return
        limits = [effect.limit] if effect.limit >= 0 else []
        plain = source is not None and (source.multiple, source.offset) == (1, 0)
        if source is not None and known >= 0:
            limits.append((source.multiple * known + source.offset) >> effect.shift)
        if source is not None and plain and not effect.shift and source.origin in self.low:
            limits.append(self.low[source.origin])
        origin = self._fresh()
        if limits:
            self.bounds[origin] = min(limits)
        if source is not None and plain and not effect.shift:
            self.parts[origin] = source.origin
        self.values[effect.target] = _Value(origin, 1, 0)


def table_bytes(code: Code, place: int, load: Load) -> int:
    """Bytes of the table that `load`, at instruction `place`, reads at an index, counted from its base; -1 when unbounded."""
    if load.index < 0:
        return -1
    ways = _ways(code)
    size = _size(load, _known_at(code, max(place - BEFORE, 0), place, _Registers(), ways))
    return size if size >= 0 else _looped(code, place, load, ways)


def _size(load: Load, registers: _Registers) -> int:
    value = registers.value(load.index)
    bound = registers.bounds.get(value.origin, -1)
    stride = load.scale * value.multiple
    if not 0 <= bound <= MAX_BOUND or stride <= 0:
        return -1
    # Whole elements: another field of the last one may be read elsewhere.
    first = load.offset + load.scale * value.offset
    return first - first % stride + stride * (bound + 1)


def _ways(code: Code) -> dict[int, list[int]]:
    """For each instruction that a branch leads to, the branches."""
    found: dict[int, list[int]] = {}
    for index, kind, target in code.targets():
        if kind == BRANCH and 0 <= target - code.address < len(code.code):
            found.setdefault(code.index_at(target - code.address), []).append(index)
    return found


def _known_at(code: Code, first: int, place: int, registers: _Registers, ways: Mapping[int, list[int]]) -> _Registers:
    """What is known at `place`, where `registers` are known at `first`."""
    taken: dict[int, _Registers] = {}
    for at in range(first, place + 1):
        sources, falls = ways.get(at, []) if at > first else [], at > first and not code.ends(at - 1)
        if at > first and (sources or not falls):
            # One way in: what was known where it began. More ways: nothing; a jump table leads here without a branch.
            alone = len(sources) == 1 and not falls and sources[0] in taken
            registers = taken[sources[0]] if alone else _Registers()
        if at == place:
            break
        if code.insn(at).kind == CALL:
            registers = _Registers()  # Go's functions keep no register
        elif code.insn(at).kind == BRANCH:
            taken[at] = registers.copy()
            compared = code.compares(at - 1) if at > first and at not in ways else None
            if compared is not None:
                taken[at].learn(compared, compared.taken)
                registers.learn(compared, compared.passed)
        else:
            _plain(code, at, registers)
    return registers


def _plain(code: Code, at: int, registers: _Registers) -> None:
    effect = code.effect(at)
    if effect is not None:
        registers.apply(effect)
        return
    for register in [r for r in registers.values if code.writes(at, r)]:
        del registers.values[register]


def _looped(code: Code, place: int, load: Load, ways: Mapping[int, list[int]]) -> int:
    """As `table_bytes`, where the load is in a loop whose end, behind it, jumps back while a register is small.

    However that register came to its value, the branch back is taken with no larger one. Only where the loop begins is that
    known, and only if nothing but the branch leads there.
    """
    for at in range(place + 1, place + BEHIND):
        if not code.has(at):
            break
        branch, compared = code.insn(at), code.compares(at - 1)
        start = (branch.target or 0) - code.address
        if branch.kind != BRANCH or compared is None or compared.taken is None or at in ways:
            continue
        if not 0 <= start <= code.insn(place).offset:
            continue
        first = code.index_at(start)
        if ways.get(first) != [at] or (first and not code.ends(first - 1)):
            return -1
        registers = _Registers()
        registers.learn(compared, compared.taken)
        return _size(load, _known_at(code, first, place, registers, ways))
    return -1

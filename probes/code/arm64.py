"""arm64 instructions for the machine."""

from __future__ import annotations

import re
from functools import cache

from probes.code.machine import ENDS, FOLLOWS, NOWHERE, Loose, Machine, Next, moved
from probes.code.values import State, Sym, Value
from probes.drift.arch.disassembler import Disassembler

_SP = 31
_ZERO = -2
_SPLIT = re.compile(r", (?![^\[]*\])")
_PLACE = re.compile(r"\[(\w+)(?:, (?:#(-?(?:0x)?[0-9a-f]+)|(\w+)[^\]]*))?\](!)?")
_NUMBER = re.compile(r"#(-?(?:0x)?[0-9a-f]+)$")
_SHIFT = re.compile(r"lsl #(\d+)$")
_READS = {
    "cmp",
    "cmn",
    "tst",
    "ccmp",
    "ccmn",
    "fcmp",
    "fcmpe",
    "nop",
    "dmb",
    "dsb",
    "isb",
    "prfm",
    "hint",
    "yield",
    "msr",
}
_MASK = (1 << 64) - 1
_SIZES = {"x": 8, "w": 4, "q": 16, "d": 8, "s": 4, "h": 2, "b": 1}


@cache
def _engine() -> Disassembler:
    return Disassembler(1, 0)  # CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN


@cache
def _register(name: str) -> tuple[int, int]:
    """Number and bytes of a register; vector registers have numbers from 100 on."""
    if name in {"sp", "wsp"}:
        return _SP, 8 if name == "sp" else 4
    if name in {"xzr", "wzr"}:
        return _ZERO, 8 if name == "xzr" else 4
    if name[:1] in _SIZES and name[1:].isdigit():
        size = _SIZES[name[0]]
        return int(name[1:]) + (0 if name[0] in "xw" else 100), size
    return -1, 0


class Arm64Reader:
    """A function's instructions."""

    def __init__(self, code: bytes, address: int) -> None:
        code = code[: len(code) // 4 * 4]
        block = _engine().block(code, 0, len(code), texts=True, address=address)
        texts = [("", "")] * (len(code) // 4)  # a word that is no instruction is a literal
        for start, size, text in zip(block.starts, block.sizes, block.texts, strict=True):
            if size == 4 and not start % 4:
                texts[start // 4] = text
        self.starts = list(range(address, address + 4 * len(texts), 4))
        self.ends = [start + 4 for start in self.starts]
        self._texts = texts

    def leaders(self) -> set[int]:
        """Addresses at which jumps of the function lead."""
        out = set()
        for mnemonic, text in self._texts:
            if mnemonic == "b" or mnemonic.startswith(("b.", "cb", "tb")):
                found = _NUMBER.search(text)
                if found is not None:
                    out.add(int(found[1], 0))
        return out

    def successors(self, index: int) -> tuple[bool, tuple[int, ...], int | None]:
        """Whether the next instruction follows, where it may jump to, and what it calls."""
        mnemonic, text = self._texts[index]
        if not mnemonic or mnemonic in {"udf", "brk", "ret", "br"}:
            return False, (), None
        if mnemonic == "b":
            return False, (_number(text),), None
        if mnemonic.startswith(("b.", "cb", "tb")) and _NUMBER.search(text):
            return True, (_number(text),), None
        if mnemonic in {"bl", "blr"}:
            return True, (), _number(text) if mnemonic == "bl" else 0
        return True, (), None

    def branch_on(self, index: int, register: int) -> tuple[int, int] | None:
        """Where it goes on behind instruction `index` when `register` is not zero, and when it is."""
        mnemonic, text = self._texts[index]
        if mnemonic not in {"cbz", "cbnz"} or _register(text.partition(",")[0]) != (register, 8):
            return None
        target, following = _number(text), self.ends[index]
        return (following, target) if mnemonic == "cbz" else (target, following)

    def run(self, index: int, machine: Machine, state: State) -> Next:  # noqa: C901, PLR0911, PLR0912 - one a kind of instruction
        """Do instruction `index` to `state`."""
        mnemonic, text = self._texts[index]
        at = self.starts[index]
        if not mnemonic or mnemonic in {"udf", "brk", "ret", "br"}:
            return ENDS
        if mnemonic == "b":
            target = _number(text)
            if not machine.start <= target < machine.stop:
                machine.call(target, state, at)
                return ENDS
            return Next((False, (target,)))
        if mnemonic.startswith(("b.", "cb", "tb")) and _NUMBER.search(text):
            return Next((True, (_number(text),)))
        if mnemonic in {"bl", "blr"}:
            return machine.call(_number(text) if mnemonic == "bl" else 0, state, at)
        if mnemonic == "svc":
            machine.trace.numbers[at] = state.registers.get(8)
            state.registers.pop(0, None)
            return FOLLOWS
        operands = _SPLIT.split(text) if text else []
        if mnemonic in {"ldr", "ldur", "ldp", "ldrb", "ldrh", "ldrsw", "ldurb", "ldrsb", "ldrsh"}:
            self._load(mnemonic, operands, text, machine, state)
        elif mnemonic in {"str", "stur", "stp", "strb", "strh", "sturb", "sturh"}:
            self._store(mnemonic, operands, text, machine, state, at)
        elif mnemonic in {"mov", "movz", "movn", "movk", "adrp", "adr"}:
            self._move(mnemonic, operands, state)
        elif mnemonic in {"add", "sub"} and len(operands) >= 3:
            self._add(mnemonic, operands, state)
        elif mnemonic == "orr" and len(operands) == 3 and operands[1] in {"xzr", "wzr"}:
            _set(operands[0], self._value(operands[2], state), state)
        elif mnemonic not in _READS and not mnemonic.startswith(("st", "prf")) and operands:
            for operand in operands[: 2 if mnemonic.startswith(("ld", "cas", "swp")) else 1]:
                number = _register(operand)[0]
                if number == _SP:
                    state.slots.clear()
                _put(state, number, None)
        return FOLLOWS

    @staticmethod
    def _value(operand: str, state: State) -> Value:
        found = _NUMBER.match(operand)
        if found is not None:
            return int(found[1], 0) & _MASK
        number, size = _register(operand)
        if number == _ZERO:
            return 0
        if number == _SP:
            return Sym("stack", 0, state.stack)
        value = state.registers.get(number)
        if size == 8:
            return value
        return value & 0xFFFFFFFF if isinstance(value, int) else None

    def _move(self, mnemonic: str, operands: list[str], state: State) -> None:
        value = self._value(operands[1], state)
        shift = _SHIFT.match(operands[2]) if len(operands) > 2 else None
        by = int(shift[1]) if shift is not None else 0
        if mnemonic == "movk":
            before = state.registers.get(_register(operands[0])[0])
            if isinstance(before, int) and isinstance(value, int):
                value = before & ~(0xFFFF << by) | value << by
            else:
                value = None
        elif mnemonic == "movn" and isinstance(value, int):
            value = ~(value << by) & _MASK
        elif by and isinstance(value, int):
            value <<= by
        _set(operands[0], value, state)

    def _add(self, mnemonic: str, operands: list[str], state: State) -> None:
        first, second = self._value(operands[1], state), self._value(operands[2], state)
        shift = _SHIFT.match(operands[3]) if len(operands) > 3 else None
        if isinstance(second, int) and shift is not None:
            second <<= int(shift[1])
        value: Value = None
        if isinstance(second, int) and (len(operands) == 3 or shift is not None):
            second = second - (1 << 64) if second >> 63 else second
            by = -second if mnemonic == "sub" else second
            if isinstance(first, Sym):
                value = first.moved(by)
            elif first is not None:
                value = first + by & _MASK
        _set(operands[0], value, state)

    @staticmethod
    def _place(text: str, state: State) -> tuple[Value, Loose]:
        """The address of a place in memory, and what is known where that is not; moves the register where that is asked for."""
        found = _PLACE.search(text)
        if found is None:
            return None, NOWHERE
        number = _register(found[1])[0]
        distance = int(found[2], 0) if found[2] else 0
        behind = _NUMBER.search(text[found.end() :])
        base: Value = Sym("stack", 0, state.stack) if number == _SP else state.registers.get(number)
        place = None if found[3] else moved(base, distance)
        if found[4] or behind is not None:
            there = moved(base, distance if found[4] else int(behind[1], 0) if behind is not None else 0)
            if number == _SP and isinstance(there, Sym):
                state.stack = there.offset
            elif number != _SP:
                _put(state, number, there)
        return place, NOWHERE if found[3] else Loose(distance, base)

    def _load(self, mnemonic: str, operands: list[str], text: str, machine: Machine, state: State) -> None:
        targets = operands[:2] if mnemonic == "ldp" else operands[:1]
        if "[" not in text:
            for target in targets:
                _put(state, _register(target)[0], None)
            return
        place = self._place(text, state)[0]
        for number, target in enumerate(targets):
            register, size = _register(target)
            wide = size if mnemonic in {"ldr", "ldur", "ldp"} else 1
            value = machine.load(moved(place, number * size), wide, state)
            _put(state, register, value if wide in {8, 16} else None)

    def _store(self, mnemonic: str, operands: list[str], text: str, machine: Machine, state: State, at: int) -> None:  # noqa: PLR0913, PLR0917
        sources = operands[:2] if mnemonic == "stp" else operands[:1]
        values = []
        for source in sources:
            register, size = _register(source)
            values.append((0 if register == _ZERO else state.registers.get(register), size))
        place, loose = self._place(text, state)
        narrow = {"strb": 1, "sturb": 1, "strh": 2, "sturh": 2}.get(mnemonic)
        first = 0
        for value, size in values:
            kept = value if size >= 8 or isinstance(value, int) else None
            machine.store(
                moved(place, first),
                narrow or size,
                kept,
                state,
                at + first // 8,
                loose=Loose(loose.distance + first, loose.base),
            )
            first += size


def _number(text: str) -> int:
    found = _NUMBER.search(text)
    return int(found[1], 0) if found is not None else 0


def _set(name: str, value: Value, state: State) -> None:
    number, size = _register(name)
    if number == _SP:
        if isinstance(value, Sym) and value.kind == "stack":
            state.stack = value.offset
        return
    if size == 4:
        value = value & 0xFFFFFFFF if isinstance(value, int) else None
    _put(state, number, value)


def _put(state: State, number: int, value: Value) -> None:
    if number < 0:
        return
    if value is None:
        state.registers.pop(number, None)
    else:
        state.registers[number] = value

"""amd64 instructions for the machine."""

from __future__ import annotations

from functools import cache, lru_cache

from probes.code.machine import ENDS, FOLLOWS, NOWHERE, Loose, Machine, Next, moved
from probes.code.values import State, Sym, Value
from probes.drift.arch.amd64.instruction import REGISTERS, Instruction, Memory, parse
from probes.drift.arch.disassembler import Disassembler

_SP = 4
_READS = {
    "cmp",
    "test",
    "push",
    "nop",
    "bt",
    "prefetcht0",
    "prefetchnta",
    "ucomisd",
    "ucomiss",
    "comisd",
    "comiss",
    "int3",
    "endbr64",
    "pause",
    "mfence",
    "lock",
}
_MOVES_16 = {"movups", "movdqu", "movaps", "movdqa", "movupd"}
_CLOBBERS = {
    "mul": (0, 2), "imul1": (0, 2), "div": (0, 2), "idiv": (0, 2), "cqo": (2,), "cdq": (2,), "cwd": (2,), "syscall": (0, 1, 11),
    "cpuid": (0, 1, 2, 3), "rdtsc": (0, 2), "rdtscp": (0, 1, 2), "xgetbv": (0, 2), "cmpxchg": (0,), "cdqe": (0,), "cwde": (0,),
    "cmpxchg16b": (0, 2), "cmpxchg8b": (0, 2),
}  # fmt: skip
_MASK = (1 << 64) - 1


@cache
def _engine() -> Disassembler:
    return Disassembler(3, 1 << 3)  # CS_ARCH_X86, CS_MODE_64


@lru_cache(maxsize=1 << 16)
def _parsed(mnemonic: str, text: str) -> Instruction:
    """An instruction that does not depend on where it is: most are like many others."""
    return parse(mnemonic, text, 0)


class Amd64Reader:
    """A function's instructions."""

    def __init__(self, code: bytes, address: int) -> None:
        block = _engine().block(code, 0, len(code), texts=True, address=address)
        self.address = address
        self.starts = [address + start for start in block.starts]
        self.ends = [address + start + size for start, size in zip(block.starts, block.sizes, strict=True)]
        self._texts = block.texts
        self._parsed: list[Instruction | None] = [None] * len(self.starts)

    def _at(self, index: int) -> Instruction | None:
        found = self._parsed[index]
        if found is None:
            mnemonic, text = self._texts[index]
            if not mnemonic:
                return None
            try:
                found = parse(mnemonic, text, self.ends[index]) if "rip" in text else _parsed(mnemonic, text)
            except ValueError:
                return None
            self._parsed[index] = found
        return found

    def leaders(self) -> set[int]:
        """Addresses at which jumps of the function lead."""
        out = set()
        for mnemonic, text in self._texts:
            if mnemonic.startswith("j") and text.startswith("0x"):
                out.add(int(text, 16))
        return out

    def successors(self, index: int) -> tuple[bool, tuple[int, ...], int | None]:
        """Whether the next instruction follows, where it may jump to, and what it calls."""
        raw = self._at(index)
        if raw is None or raw.operation in {"ret", "ud2", "hlt"}:
            return False, (), None
        if raw.operation == "call":
            return True, (), raw.constant(0) or 0
        if raw.operation.startswith("j"):
            target = raw.constant(0)
            return raw.operation != "jmp", (target,) if target is not None else (), None
        return True, (), None

    def branch_on(self, index: int, register: int) -> tuple[int, int] | None:
        """Where it goes on behind instruction `index` when `register` is not zero, and when it is."""
        raw = self._at(index)
        following = self._at(index + 1) if index + 1 < len(self.starts) else None
        if raw is None or following is None or raw.operation != "test" or raw.register(0) != raw.register(1):
            return None
        target = following.constant(0)
        if REGISTERS.get(raw.register(0)) != (register, 8) or target is None:
            return None
        if following.operation == "je":
            return self.ends[index + 1], target
        return (target, self.ends[index + 1]) if following.operation == "jne" else None

    def run(self, index: int, machine: Machine, state: State) -> Next:  # noqa: C901, PLR0911, PLR0912 - one a kind of instruction
        """Do instruction `index` to `state`."""
        raw = self._at(index)
        if raw is None:
            return ENDS
        operation, at = raw.operation, self.starts[index]
        if operation.startswith("j"):
            target = raw.constant(0)
            if operation == "jmp":
                if target is None:
                    return ENDS
                if not machine.start <= target < machine.stop:
                    machine.call(target, state, at)
                    return ENDS
                return Next((False, (target,)))
            return Next((True, (target,) if target is not None else ()))
        if operation == "call":
            return machine.call(raw.constant(0) or 0, state, at)
        if operation in {"ret", "ud2", "hlt"}:
            return ENDS
        if operation in {"mov", "movabs"}:
            self._move(raw, machine, state, at)
        elif operation == "lea":
            place = self._place(raw.operands[1], state)[0]
            self._set(raw.register(0), place, state)
        elif operation in _MOVES_16:
            self._move_16(raw, machine, state, at)
        elif operation == "xor" and raw.register(0) and raw.register(0) == raw.register(1):
            self._set(raw.register(0), 0, state)
        elif operation in {"xorps", "pxor"} and raw.register(0) == raw.register(1):
            state.registers[_vector(raw.register(0))] = 0
        elif operation in {"add", "sub", "inc", "dec"} and raw.register(0):
            self._add(raw, state)
        elif operation == "push":
            state.stack -= 8
            machine.store(Sym("stack", 0, state.stack), 8, self._value(raw.operands[0], machine, state), state, at)
        elif operation == "pop":
            value = machine.load(Sym("stack", 0, state.stack), 8, state)
            state.stack += 8
            self._set(raw.register(0), value, state)
        elif operation == "movsq" and raw.repeated:
            count = state.registers.get(1)
            machine.copy(
                state.registers.get(7), state.registers.get(6), 8 * count if isinstance(count, int) else 0, state, at
            )
            for register in (1, 6, 7):
                state.registers.pop(register, None)
        elif operation == "syscall":
            machine.trace.numbers[at] = state.registers.get(0)
            for register in _CLOBBERS["syscall"]:
                state.registers.pop(register, None)
        elif operation not in _READS:
            self._forget(raw, machine, state, at)
        return FOLLOWS

    def _move(self, raw: Instruction, machine: Machine, state: State, at: int) -> None:
        target, source = raw.operands[0], raw.operands[1]
        value = self._value(source, machine, state)
        if isinstance(target, Memory):
            place, loose = self._place(target, state)
            if (
                isinstance(source, str)
                and source in REGISTERS
                and REGISTERS[source][1] < 8
                and not isinstance(value, int)
            ):
                value = None
            machine.store(place, target.size, value, state, at, loose=loose)
        else:
            self._set(str(target), value, state)

    def _move_16(self, raw: Instruction, machine: Machine, state: State, at: int) -> None:
        target, source = raw.operands[0], raw.operands[1]
        if isinstance(target, Memory):
            place, loose = self._place(target, state)
            register = _vector(str(source))
            value = 0 if register == _vector("xmm15") else state.registers.get(register)
            machine.store(place, 16, value, state, at, loose=loose)
        elif isinstance(source, Memory):
            value = machine.load(self._place(source, state)[0], 16, state)
            _put(state, _vector(str(target)), value)
        else:
            _put(state, _vector(str(target)), state.registers.get(_vector(str(source))))

    @staticmethod
    def _place(operand: object, state: State) -> tuple[Value, Loose]:
        """The address of a place in memory, and what is known where that is not."""
        if not isinstance(operand, Memory) or operand.indexed_by or not operand.base:
            return None, NOWHERE
        if operand.base == "rip":
            return operand.displacement, NOWHERE
        number = REGISTERS.get(operand.base, (-1, 0))[0]
        if number == _SP:
            return Sym("stack", 0, state.stack + operand.displacement), NOWHERE
        base = state.registers.get(number)
        return moved(base, operand.displacement), Loose(operand.displacement, base)

    def _value(self, operand: object, machine: Machine, state: State) -> Value:
        if isinstance(operand, int):
            return operand
        if isinstance(operand, Memory):
            return machine.load(self._place(operand, state)[0], operand.size, state)
        number, size = REGISTERS.get(str(operand), (-1, 0))
        if number == _SP and size == 8:
            return Sym("stack", 0, state.stack)
        value = state.registers.get(number)
        if size == 8:
            return value
        return value & ((1 << 8 * size) - 1) if isinstance(value, int) and size else None

    @staticmethod
    def _set(name: str, value: Value, state: State) -> None:
        number, size = REGISTERS.get(name, (-1, 0))
        if number < 0:
            return
        if number == _SP:
            if isinstance(value, Sym) and value.kind == "stack":
                state.stack = value.offset
            return
        if size == 4 and isinstance(value, int):
            value &= 0xFFFFFFFF
        elif size == 8 and isinstance(value, int):
            value &= _MASK
        elif size < 8:
            value = None
        _put(state, number, value)

    def _add(self, raw: Instruction, state: State) -> None:
        name = raw.register(0)
        number, size = REGISTERS.get(name, (-1, 0))
        by = 1 if len(raw.operands) == 1 else raw.constant(1)
        if by is not None and raw.operation in {"sub", "dec"}:
            by = -by
        if number == _SP:
            state.stack += by or 0
            return
        value = state.registers.get(number)
        if by is None or size != 8:
            value = None
        elif isinstance(value, Sym):
            value = value.moved(by)
        elif value is not None:
            value = value + by & _MASK
        if number >= 0:
            _put(state, number, value)

    def _forget(self, raw: Instruction, machine: Machine, state: State, at: int) -> None:
        """An instruction of no interest: what it writes is not known any more."""
        name = raw.operation
        if name == "imul" and len(raw.operands) == 1:
            name = "imul1"
        for register in _CLOBBERS.get(name, ()):
            state.registers.pop(register, None)
        if raw.repeated:
            for register in (1, 6, 7):
                state.registers.pop(register, None)
        if not raw.operands:
            return
        target = raw.operands[0]
        if isinstance(target, Memory):
            place, loose = self._place(target, state)
            machine.store(place, min(target.size, 16), None, state, at, loose=loose)
        both = raw.operands[:2] if name in {"xchg", "xadd"} else raw.operands[:1]
        for operand in both:
            if isinstance(operand, str):
                number = REGISTERS.get(operand, (_vector(operand), 0))[0]
                state.registers.pop(number, None)


def _vector(name: str) -> int:
    """A number for a vector register, beside those of the others."""
    digits = name.lstrip("xyzm")
    return 100 + int(digits) if digits.isdigit() else -1


def _put(state: State, number: int, value: Value) -> None:
    if value is None:
        state.registers.pop(number, None)
    else:
        state.registers[number] = value

"""One function followed from its entry, on any architecture: what an instruction does to what is known."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from probes.code.program import ARGUMENTS, Program
from probes.code.values import Call, Made, State, Sym, Trace, Value

MAX_INSTRUCTIONS = 150_000
"""Of one function. The largest that sets up flags in Kubernetes has some 20,000."""
MAX_VISITS = 12
"""Times that a block is looked at; each time less is known."""
_BARRIER = "runtime.gcWriteBarrier"
_NO_RETURN = {
    "runtime.gopanic", "runtime.goPanicIndex", "runtime.goPanicIndexU", "runtime.panicIndex", "runtime.panicdivide", "runtime.throw",
    "runtime.fatal", "os.runtime_beforeExit", "runtime.panicmem", "runtime.panicshift", "runtime.goexit", "runtime.sigpanic",
    "runtime.panicwrap", "runtime.unreachableMethod", "runtime.block", "runtime.goPanicSliceB", "runtime.goPanicSliceAlen",
}  # fmt: skip


class Reader(Protocol):
    """One architecture's instructions: they are decoded at once and then asked one by one."""

    starts: list[int]
    ends: list[int]

    def leaders(self) -> set[int]:
        """Addresses at which jumps of the function lead."""

    def run(self, index: int, machine: Machine, state: State) -> Next:
        """Do instruction `index` to `state`."""

    def successors(self, index: int) -> tuple[bool, tuple[int, ...], int | None]:
        """Whether the next instruction follows, where it may jump to, and what it calls: 0 where that is not known, None for no call."""

    def branch_on(self, index: int, register: int) -> tuple[int, int] | None:
        """Where it goes on behind instruction `index` when `register` is not zero, and when it is; None where it does not ask that."""


class Next(tuple[bool, tuple[int, ...]]):
    """Whether the next instruction follows, and the addresses to which the instruction may jump."""

    __slots__ = ()


class Loose(NamedTuple):
    """A place that is not known: so many bytes behind what a register holds, which may be known."""

    distance: int
    base: Value


NOWHERE = Loose(-1, None)
FOLLOWS = Next((True, ()))
ENDS = Next((False, ()))


class Machine:
    """Follows one function of a program."""

    def __init__(self, program: Program, row: int, read: Callable[[bytes, int], Reader]) -> None:
        self.program = program
        self.trace = Trace(row)
        self.registers = ARGUMENTS[program.facts.arch]
        code, self.start = program.code(row)
        self.stop = self.start + len(code)
        self.reader = read(code, self.start)

    def follow(self) -> Trace:
        """What the function does."""
        reader = self.reader
        if not reader.starts or len(reader.starts) > MAX_INSTRUCTIONS:
            self.trace.complete = False
            return self.trace
        index_at = {address: index for index, address in enumerate(reader.starts)}
        leaders = reader.leaders()
        known = {register: Sym("param", number) for number, register in enumerate(self.registers)}
        waiting: dict[int, State] = {self.start: State(dict(known), {}, 0)}
        visits: dict[int, int] = {}
        queue = [self.start]
        while queue:
            at = heapq.heappop(queue)
            visits[at] = visits.get(at, 0) + 1
            if visits[at] > MAX_VISITS:
                self.trace.complete = False
                continue
            state = waiting[at].copy()
            for target, there in self._block(index_at[at], state, leaders):
                if target not in index_at:
                    continue
                if target not in waiting:
                    waiting[target] = there.copy()
                    heapq.heappush(queue, target)
                elif waiting[target].merge(there) and target not in queue:
                    heapq.heappush(queue, target)
        return self.trace

    def _block(self, index: int, state: State, leaders: set[int]) -> Iterator[tuple[int, State]]:
        """Do instructions up to the end of the block; the blocks that may follow."""
        reader = self.reader
        while index < len(reader.starts):
            goes_on, targets = reader.run(index, self, state)
            for target in targets:
                yield target, state
            if not goes_on:
                return
            index += 1
            if index < len(reader.starts) and reader.starts[index] in leaders:
                yield reader.starts[index], state
                return

    # What instructions are made of.

    def load(self, place: Value, size: int, state: State) -> Value:
        """What the memory at `place` holds."""
        if isinstance(place, int) and size == 16:
            return Sym("copy", place) if self.program.is_constant(place) else None
        if size != 8 or place is None:
            return None
        if isinstance(place, int):
            return self.program.word(place) if self.program.is_constant(place) else Sym("load", place)
        if place.kind == "stack":
            return state.slots.get(place.offset)
        made = self.trace.objects.get(place.key) if place.kind == "object" else None
        return made.get(place.offset) if made is not None else None

    def store(  # noqa: PLR0913 - what a store is made of
        self, place: Value, size: int, value: Value, state: State, at: int, *, loose: Loose = NOWHERE
    ) -> None:
        """Store `value`, of `size` bytes, at `place`; `loose`: what is known where that place is not."""
        if isinstance(place, Sym) and place.kind == "stack":
            for first, part in self._parts(value, size):
                if part is None:
                    state.slots.pop(place.offset + first, None)
                else:
                    state.slots[place.offset + first] = part
        elif isinstance(place, Sym) and place.kind == "object":
            made = self.trace.objects.get(place.key)
            if made is not None:
                for first, part in self._parts(value, size):
                    made.put(place.offset + first, at, part)
        elif isinstance(place, int):
            self.trace.stores[at, place, size] = value
        else:
            self.trace.loose[at, loose.distance, size] = value
            self.trace.bases[at, loose.distance, size] = loose.base

    def _parts(self, value: Value, size: int) -> Iterator[tuple[int, Value]]:
        """A value as words: (distance, value)."""
        if size <= 8:
            yield 0, value
            return
        for first in range(0, size, 8):
            if isinstance(value, Sym) and value.kind == "copy":
                yield first, self.program.word(value.key + first)
            else:
                yield first, 0 if value == 0 else None

    def copy(self, target: Value, source: Value, size: int, state: State, at: int) -> None:
        """Copy `size` bytes, as duffcopy and its like do."""
        if not 0 < size <= 4096:
            return
        for first in range(0, size, 8):
            here = moved(target, first)
            self.store(here, 8, self.load(moved(source, first), 8, state), state, at)

    def call(self, target: int, state: State, at: int) -> Next:
        """Call the function at `target`, 0 where it is not known."""
        row = self.program.row(target) if target else -1
        name = self.program.name(row) if row >= 0 else ""
        if name.startswith(_BARRIER):
            return FOLLOWS  # keeps all registers but a scratch one (runtime/asm_amd64.s)
        known = state.registers
        arguments = tuple(known.get(register) for register in self.registers)
        first = state.slots.get(state.stack + (8 if self.program.arm else 0))
        self.trace.calls[at] = Call(at, target, arguments, first)
        if name in _NO_RETURN:
            return ENDS
        if name == "runtime.memmove" and isinstance(arguments[2], int):
            self.copy(arguments[0], arguments[1], arguments[2], state, at)
        elif name == "runtime.typedmemmove" and isinstance(arguments[0], int):
            self.copy(arguments[1], arguments[2], self.program.word(arguments[0]) or 0, state, at)
        elif name == "runtime.duffcopy":
            self.copy_all(target, row, state, at)
            return FOLLOWS
        elif name.startswith("runtime.duffzero") or name in {"runtime.wbZero", "runtime.wbMove"}:
            self.keep(name, state)
            return FOLLOWS
        # Go 1.27 calls the allocator of a size itself: mallocgcSmallScanNoHeaderSC5(size, type, needzero).
        which = 0 if name == "runtime.newobject" else 1 if name.startswith("runtime.mallocgc") else -1
        made = which >= 0
        if made:
            self.trace.objects.setdefault(at, Made(arguments[which])).type = arguments[which]
        state.registers = {
            register: Sym("object", at) if made and not number else Sym("result", at << 4 | number)
            for number, register in enumerate(self.registers)
            if not made or not number
        }
        return FOLLOWS

    def copy_all(self, target: int, row: int, state: State, at: int) -> None:
        """Copy what a jump into runtime.duffcopy copies."""
        per, left = (8, 16) if self.program.arm else (14, 16)
        tail = 4 if self.program.arm else 1  # RET
        count = (int(self.program.table.end[row]) - target - tail) // per
        code = self.program.code(row)[0]
        pad = 0 if self.program.arm else len(code) - len(code.rstrip(b"\xcc"))
        count -= -(-pad // per) if pad else 0
        source, to = (20, 21) if self.program.arm else (6, 7)
        registers = state.registers
        self.copy(registers.get(to), registers.get(source), count * left, state, at)
        registers.pop(source, None)
        registers.pop(to, None)

    def keep(self, name: str, state: State) -> None:
        """Functions in assembly that keep most registers."""
        if name.startswith("runtime.duffzero"):
            state.registers.pop(20 if self.program.arm else 7, None)
            return
        state.registers = {}


def moved(value: Value, by: int) -> Value:
    """The place `by` bytes behind another one."""
    if isinstance(value, Sym):
        return value.moved(by)
    return None if value is None else value + by

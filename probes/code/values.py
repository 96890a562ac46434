"""What registers and places in memory hold, as far as it is known."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from msgspec import Struct, field


class Sym(NamedTuple):
    """Something that is known by where it is from, and `offset` bytes behind it.

    `kind`: `param`, argument register number `key` at the entry; `result`, register `key & 15` after the call at `key >> 4`;
    `object`, what `runtime.newobject` gave at the call at `key`; `stack`, the stack pointer at the entry; `load`, what the variable
    at `key` holds; `copy`, sixteen bytes of the constant at `key`.
    """

    kind: str
    key: int
    offset: int = 0

    def moved(self, by: int) -> Sym | None:
        """The place `by` bytes on; None where that says nothing."""
        if self.kind in {"object", "stack"}:
            return Sym(self.kind, self.key, self.offset + by)
        return self if not by else None


Value: TypeAlias = int | Sym | None
"""A number or an address; None for what is not known."""


class Made(Struct):
    """An object that `runtime.newobject` gave: the address of its type, and what was stored in it by offset.

    Of a field that several instructions set to different values nothing is known: it is None.
    """

    type: Value
    stores: dict[int, dict[int, Value]] = field(default_factory=dict)

    def put(self, offset: int, at: int, value: Value) -> None:
        """The instruction at `at` stores `value`."""
        self.stores.setdefault(offset, {})[at] = value

    def get(self, offset: int) -> Value:
        """What a field holds: 0 where nothing was stored."""
        values = set(self.stores.get(offset, {0: 0}).values())
        return values.pop() if len(values) == 1 else None


class Call(NamedTuple):
    """A call: where it is, the function that it leads to (0 where that is not known), and the argument registers.

    `stacked`: the first argument of a function in assembly, which gets its arguments on the stack (ABI0).
    """

    address: int
    target: int
    arguments: tuple[Value, ...]
    stacked: Value = None


class Trace(Struct):
    """What one function does: its calls by address, the objects that it makes by the address of the call, and its stores in variables.

    `stores`: (instruction, address, bytes) -> value. `complete`: all of its code was followed.
    """

    row: int
    calls: dict[int, Call] = field(default_factory=dict)
    objects: dict[int, Made] = field(default_factory=dict)
    stores: dict[tuple[int, int, int], Value] = field(default_factory=dict)
    loose: dict[tuple[int, int, int], Value] = field(default_factory=dict)
    """Stores at a distance from something else: (instruction, distance, bytes) -> value."""
    bases: dict[tuple[int, int, int], Value] = field(default_factory=dict)
    """What those are at a distance from, None where it is unknown."""
    numbers: dict[int, Value] = field(default_factory=dict)
    """What the first argument register of the kernel (AX, R8) holds at each system call instruction."""
    complete: bool = True


class State:
    """Registers, and places on the stack by their distance from the stack pointer at the entry."""

    __slots__ = ("registers", "slots", "stack")

    def __init__(self, registers: dict[int, Value], slots: dict[int, Value], stack: int) -> None:
        self.registers = registers
        self.slots = slots
        self.stack = stack
        """The stack pointer, less what it was at the entry."""

    def copy(self) -> State:
        """Another one that holds the same."""
        return State(dict(self.registers), dict(self.slots), self.stack)

    def merge(self, other: State) -> bool:
        """Keep what both know; whether anything was lost."""
        before = len(self.registers), len(self.slots)
        self.registers = {k: v for k, v in self.registers.items() if other.registers.get(k) == v}
        self.slots = {k: v for k, v in self.slots.items() if other.slots.get(k) == v}
        return before != (len(self.registers), len(self.slots))

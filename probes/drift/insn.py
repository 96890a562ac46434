"""A decoded instruction, the same for every architecture."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Protocol

from probes.records import dataclass

BRANCH, CALL = 3, 4
"""Kinds of reference besides those of `windows`: a jump, and a call."""


@dataclass(frozen=True, slots=True)
class Insn:
    """One instruction (or a pair that forms one address).

    `offset`, `size`: bytes from the entry. `shape`: operation and registers, with constants and addresses left out;
    equal shapes are the same operation. `constants`: immediates and displacements, in order. `target`: the address that
    a PC-relative operand leads to, None without one; `kind` says what for, `width` how many bytes are accessed there (0:
    not known, to the decoder neither).
    `lea`, `move`, `store`: what string detection needs: the register whose value is the address; (register, immediate);
    (base, displacement, register or None, immediate).
    """

    offset: int
    size: int
    shape: bytes
    constants: tuple[int, ...]
    target: int | None = None
    kind: int = -1
    width: int = 0
    is_float: bool = False
    lea: int = -1
    move: tuple[int, int] | None = None
    store: tuple[int, int, int, int] | None = None
    frame: bool = False
    """Its constants are places on the stack."""


@dataclass(frozen=True, slots=True)
class Load:
    """A read of `size` bytes at register `base` plus `offset`, at an index or not; `step` is then added to the register."""

    base: int
    offset: int
    size: int
    step: int = 0
    indexed: bool = False
    index: int = -1
    """The index register, which is multiplied by `scale`; -1 where it is not known."""
    scale: int = 1


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison with a constant says of `register` (`low`: of its lowest bits) behind the branch that follows it.

    `taken`, `passed`: the most that it holds where the branch is taken, and where it is not; None where nothing is known.
    """

    register: int
    taken: int | None
    passed: int | None
    low: bool = False


@dataclass(frozen=True, slots=True)
class Effect:
    """`target` becomes `multiple * source + offset`; of a `source` below zero nothing is known but that it is at most `limit`.

    `limit` without a bound is -1. `shift`: what is known of the source's bound is shifted right by so many bits.
    """

    target: int
    source: int = -1
    multiple: int = 1
    offset: int = 0
    limit: int = -1
    shift: int = 0


class Code(Protocol):
    """The instructions of one function, examined when asked for."""

    code: bytes
    address: int
    REPEAT_SOURCE: int
    """The register that a repeated copy reads from, and below the one that counts; -1 where there is none."""
    REPEAT_COUNT: int
    SCRATCH: int
    """The register that the assembler forms addresses in for one instruction; -1 where it needs none."""

    @property
    def valid(self) -> bool:
        """Whether all of the bytes are instructions."""

    def __len__(self) -> int: ...
    def has(self, index: int) -> bool:
        """Whether there is an instruction `index`."""

    def index_at(self, offset: int) -> int:
        """Index of the instruction that holds the byte at `offset` from the entry."""

    def is_nop(self, index: int) -> bool:
        """Whether instruction `index` only pads."""

    def targets(self) -> Iterator[tuple[int, int, int]]:
        """(index, kind, address) of the instructions that refer to an address."""

    def outline(self) -> list[tuple[int, Hashable]]:
        """(offset, what it does but for addresses) of every instruction."""

    def insn(self, index: int) -> Insn:
        """Instruction `index`."""

    def load(self, index: int) -> Load | None:
        """What instruction `index` reads through a register, None when nothing."""

    def adds(self, index: int) -> tuple[int, int] | None:
        """(register, constant that is added to it), None for other instructions."""

    def effect(self, index: int) -> Effect | None:
        """What instruction `index` makes of one register from another one and constants; None for all others."""

    def compares(self, index: int) -> Comparison | None:
        """What instruction `index`, a comparison with a constant, and the conditional branch behind it say."""

    def ends(self, index: int) -> bool:
        """Whether no way leads from instruction `index` to the one behind it: a jump, or a return."""

    def repeats(self, index: int) -> int:
        """Bytes that each turn of a repeated copy reads, 0 for other instructions."""

    def writes(self, index: int, register: int) -> bool:
        """Whether `register` holds something else after instruction `index`."""


def string_length(code: Code, index: int, follows: dict[int, int]) -> int:
    """Bytes of the string whose address instruction `index` takes, -1 when no length is seen nearby.

    The length goes into the register that follows the pointer's in the calling convention (`follows`), or into the
    stack slot behind the pointer's.
    """
    taken = code.insn(index).lea
    if taken < 0:
        return -1
    wanted = follows.get(taken, -1)
    for near in _around(code, index, 6):
        if near.move is not None and near.move[0] == wanted and near.move[1] > 0:
            return near.move[1]
    for place in range(index + 1, index + 4):
        if not code.has(place):
            break
        near = code.insn(place)
        if near.store is not None and near.store[2] == taken:
            wanted_slot = (near.store[0], near.store[1] + 8, -1)
            for other in _around(code, index, 8):
                if other.store is not None and other.store[:3] == wanted_slot and other.store[3] > 0:
                    return other.store[3]
    return -1


def chosen_length(code: Code, index: int) -> int:
    """Bytes of a string that one of several short branches chooses by setting both address and length; -1 elsewhere.

    Such a block begins behind a jump and sets nothing else, in either order and in any registers.
    """
    if not code.has(index - 1):
        return -1
    before = code.insn(index - 1)
    if before.kind in {BRANCH, CALL}:
        after = code.insn(index + 1) if code.has(index + 2) and code.insn(index + 2).kind == BRANCH else None
        return after.move[1] if after is not None and after.move is not None and after.move[1] > 1 else -1
    if before.move is not None and before.move[1] > 1 and code.has(index - 2):
        return before.move[1] if code.insn(index - 2).kind in {BRANCH, CALL} else -1
    return -1


def _around(code: Code, index: int, reach: int) -> Iterator[Insn]:
    """Instructions after `index` up to the next call or branch, then those before it."""
    for place in range(index + 1, index + 1 + reach):
        if not code.has(place):
            break
        near = code.insn(place)
        yield near
        if near.kind in {BRANCH, CALL}:
            break
    for place in range(index - 1, max(index - 1 - reach, -1), -1):
        near = code.insn(place)
        if near.kind in {BRANCH, CALL}:
            break
        yield near

"""A decoded instruction, the same for every architecture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from probes.elf.image import I64, U64

BRANCH, CALL = 3, 4
TO_NEXT = -2
"""For a number of bytes: not known, and at most up to where the next thing begins."""
"""Kinds of reference besides those of `windows`: a jump, and a call."""


class Insn(Struct, frozen=True):
    """One instruction (or a pair that forms one address).

    `offset`, `size`: bytes from the entry. `shape`: operation and registers, with constants and addresses left out;
    equal shapes are the same operation. `constants`: immediates and displacements, in order. `target`: the address that
    a PC-relative operand leads to, None without one; `kind` says what for, `width` how many bytes are accessed there (0:
    not known, to the decoder neither).
    `lea`, `move`, `stores`: what string detection needs: the register whose value is the address; (register, immediate);
    for each word that is stored, (base register, displacement, register or -1, immediate).
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
    stores: tuple[tuple[int, int, int, int], ...] = ()
    frame: bool = False
    """Its constants are places on the stack."""


BARRIER = 16
"""Instructions that a write barrier may take."""
SET_BEFORE = 4
"""Instructions before a store among which its register may be set."""


class Load(Struct, frozen=True):
    """A read of `size` bytes at register `base` plus `offset`, at an index or not; `step` is then added to the register."""

    base: int
    offset: int
    size: int
    step: int = 0
    indexed: bool = False
    index: int = -1
    """The index register, which is multiplied by `scale`; -1 where it is not known."""
    scale: int = 1


class Comparison(Struct, frozen=True):
    """What a comparison with a constant says of `register` (`low`: of its lowest bits) behind the branch that follows it.

    `taken`, `passed`: the most that it holds where the branch is taken, and where it is not; None where nothing is known.
    """

    register: int
    taken: int | None
    passed: int | None
    low: bool = False


class Effect(Struct, frozen=True):
    """`target` becomes `multiple * source + offset`; of a `source` below zero nothing is known but that it is at most `limit`.

    `limit` without a bound is -1. `shift`: what is known of the source's bound is shifted right by so many bits.
    """

    target: int
    source: int = -1
    multiple: int = 1
    offset: int = 0
    limit: int = -1
    shift: int = 0


class Constants(Struct, frozen=True):
    """The constants of k instructions, shape (k,): `count` of them, 0 to 2, of which `last` is the last one and `first` that before.

    `count` is -1 where an instruction refers to an address, or is unusual: it has to be examined by itself.
    """

    count: I64
    first: I64
    last: I64


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

    def taken(self) -> I64:
        """The addresses that are only taken, in order."""

    def outline(self) -> tuple[I64, U64]:
        """Offset of every instruction, shape (n,), and what it does but for addresses, shape (n, words)."""

    def insn(self, index: int) -> Insn:
        """Instruction `index`."""

    def offset(self, index: int) -> int:
        """Bytes from the entry to instruction `index`."""

    def constants(self, indices: I64) -> Constants | None:
        """The constants of several instructions at once; None where that is not quicker than one by one."""

    def framed(self, indices: I64) -> npt.NDArray[np.bool_]:
        """Whether the constants of each of several instructions are places on the stack."""

    def mentions(self, index: int, register: int) -> bool:
        """Whether instruction `index` may have an operand in `register`, or in memory at it."""

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


def string_length(code: Code, index: int, follows: Mapping[int, int]) -> int:
    """Bytes of the string whose address instruction `index` takes, -1 when no length is seen nearby.

    The length goes into the register that follows the pointer's in the calling convention (`follows`), or into the
    slot behind the pointer's, on the stack or elsewhere.
    """
    taken = code.insn(index).lea
    if taken < 0:
        return -1
    wanted = follows.get(taken, -1)
    for place in _around(code, index, 6):
        move = code.insn(place).move
        if move is not None and move[0] == wanted and move[1] > 0:
            return move[1]
    for place in range(index + 1, index + 4):
        if not code.has(place):
            break
        for base, displacement, register, _ in code.insn(place).stores:
            if register != taken:
                continue
            for other in (*_around(code, index, 8), *_before_barrier(code, index, base)):
                length = _stored(code, other, (base, displacement + 8))
                if length > 0:
                    return length
    return -1


def _stored(code: Code, place: int, slot: tuple[int, int]) -> int:
    """The constant that instruction `place` stores in `slot` (base, displacement), itself or by a register; -1 without."""
    for base, displacement, register, number in code.insn(place).stores:
        if (base, displacement) != slot:
            continue
        if register < 0:
            return number
        for before in range(place - 1, max(place - 1 - SET_BEFORE, -1), -1):
            near = code.insn(before)
            if near.move is not None and near.move[0] == register:
                return near.move[1]
            if near.kind in {BRANCH, CALL} or code.writes(before, register):
                break
    return -1


def _before_barrier(code: Code, index: int, base: int) -> Iterator[int]:
    """Instructions before the jump that leads to `index`, around a write barrier, while register `base` holds its value.

    The length of a string is stored before the barrier, the pointer behind it: `MOVQ $7, 8(AX); CMPL writeBarrier, $0;
    JE next; ...; next: LEAQ text, DX; MOVQ DX, 0(AX)`.
    """
    here = code.address + code.insn(index).offset
    for jump in range(index - 1, max(index - 1 - BARRIER, -1), -1):
        if code.insn(jump).kind != BRANCH or code.insn(jump).target != here:
            continue
        for place in range(jump - 1, max(jump - 1 - BARRIER, -1), -1):
            if code.insn(place).kind == CALL or code.ends(place) or code.writes(place, base):
                return
            yield place
        return


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


def _around(code: Code, index: int, reach: int) -> Iterator[int]:
    """Instructions after `index` up to the next call or branch, then those before it."""
    for place in range(index + 1, index + 1 + reach):
        if not code.has(place):
            break
        yield place
        if code.insn(place).kind in {BRANCH, CALL}:
            break
    for place in range(index - 1, max(index - 1 - reach, -1), -1):
        if code.insn(place).kind in {BRANCH, CALL}:
            break
        yield place


def signed(value: int, bits: int = 64) -> int:
    """The lowest `bits` of `value` as a number in two's complement, as a register or an operand field holds it."""
    return (value & ((1 << bits) - 1) ^ (1 << (bits - 1))) - (1 << (bits - 1))

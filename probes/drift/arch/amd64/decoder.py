"""amd64 code to instructions, with capstone. Instructions are found at once and examined only when asked for."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from probes.arrays import grouped
from probes.drift.arch.amd64 import effects
from probes.drift.arch.amd64.blocks import Decoded, decode_together, engine, in_portions, nop, put_together
from probes.drift.arch.amd64.effects import number as _number
from probes.drift.arch.amd64.encoding import LONGEST, VECTOR_PREFIXES, Places, fields, leads, numbers, places, words
from probes.drift.arch.amd64.instruction import Instruction, Memory, parse
from probes.drift.arch.amd64.outlines import BRANCHES, without_addresses
from probes.drift.arch.code import BRANCH, CALL, Constants, Insn, Load
from probes.drift.arch.disassembler import Block, Disassembler
from probes.drift.arch.windows import LEA, MEMORY
from probes.elf.image import I64, U64

if TYPE_CHECKING:
    from probes.drift.arch.code import Comparison, Effect

FOLLOWS = {0: 3, 3: 1, 1: 7, 7: 6, 6: 8, 8: 9, 9: 10, 10: 11}
"""Go's argument registers AX BX CX DI SI R8 R9 R10 R11, each with the next (compile/abi-internal.md)."""

_ENDS = {"jmp", "ret", "retf", "retfq", "iret", "iretd", "iretq", "sysret", "sysretq", "sysexit", "ud0", "ud1", "ud2"}
_STACK = {4, 5}  # RSP, RBP
_CALL, _LEA, _MOV_CONSTANT, _MOV_TO_RM, _MOV_STORE = 0xE8, 0x8D, 0xB8, 0xC7, 0x89
"""Opcodes of one byte."""
_REP = 0xF3
_IN_OPCODE = {0x50, 0xB0}
"""Opcodes, but for their last three bits, that name a register in those: PUSH, POP and MOV of a constant."""
_SIGNS = {"add": 1, "sub": -1}
_READ_ONLY = {"cmp", "test", "push"}
_REPEATED = {"movsq": 8, "movsd": 4, "movsb": 1}
_SCALARS = {
    "insertps", "movhpd", "movlpd", "movddup",
    "fld", "fst", "fstp", "fadd", "fmul", "fcom", "fcomp", "fsub", "fsubr", "fdiv", "fdivr",
}  # fmt: skip
"""Operations on one number of floating point in memory, besides those that end with SS or SD."""
_STRINGS = {f"{name}{size}" for name in ("movs", "cmps", "stos", "lods", "scas", "ins", "outs") for size in "bwdq"}
"""String instructions; MOVSD and CMPSD of vector registers are known by their operands."""
_FIRST = 128
"""Instructions that are decoded at first; most functions have no more."""


class Amd64Code:
    """A function's instructions, decoded as far as they are asked for."""

    REPEAT_SOURCE, REPEAT_COUNT = 6, 1  # RSI, RCX
    SCRATCH = -1

    def __init__(self, code: bytes, address: int) -> None:
        self.code = code
        self.address = address
        self._starts, self._ids, self._sizes = array("I"), array("H"), bytearray()
        self._known: dict[int, Insn] = {}
        self._parsed: dict[int, Instruction] = {}
        self.references: tuple[I64, I64, I64] | None = None
        """The columns of what `targets` yields, once they are known."""
        self.outlined: tuple[I64, U64] | None = None
        """What `outline` gives, once it is known."""

    def __len__(self) -> int:
        while self._more(1 << 20):
            pass
        return len(self._starts)

    def _more(self, count: int = 0) -> bool:
        """Decode up to `count` instructions more; false when there are none."""
        at = self._starts[-1] + self._sizes[-1] if self._starts else 0
        if at >= len(self.code):
            return False
        found = engine().block(self.code, at, count or max(_FIRST, len(self._starts)))
        self._starts += found.starts
        self._sizes += found.sizes
        self._ids += found.ids
        return True

    @property
    def valid(self) -> bool:
        """Whether all of the bytes are instructions."""
        return len(self) == 0 or Disassembler.INVALID not in self._ids

    def has(self, index: int) -> bool:
        """Whether there is an instruction `index`."""
        while len(self._starts) <= index:
            if not self._more():
                return False
        return index >= 0

    def index_at(self, offset: int) -> int:
        """Index of the instruction that holds the byte at `offset` from the entry."""
        while not self._starts or self._starts[-1] <= offset:
            if not self._more():
                break
        return max(bisect_right(self._starts, offset) - 1, 0)

    def is_nop(self, index: int) -> bool:
        """Whether instruction `index` only pads."""
        return self._ids[index] == nop()

    def decoded(self) -> Block:
        """All instructions."""
        len(self)
        return Block(self._starts, bytes(self._sizes), self._ids, [])

    def targets(self) -> Iterator[tuple[int, int, int]]:
        """(index, kind, address) of the instructions that refer to an address."""
        index, kind, target = self._targets()
        return zip(index.tolist(), kind.tolist(), target.tolist(), strict=True)

    def _targets(self) -> tuple[I64, I64, I64]:
        if self.references is None:
            decoded = decode_together([self.code])
            self.take(decoded, 0)
            (self.references,) = references([self.address], decoded)
        return self.references

    def taken(self) -> I64:
        """The addresses that are only taken, in order."""
        _, kind, target = self._targets()
        lea: I64 = target[kind == LEA]
        return lea

    def take(self, found: Decoded, at: int) -> None:
        """Take over the instructions of the function `at` of some that were decoded together."""
        first, last, begin = int(found.first[at]), int(found.first[at + 1]), int(found.begins[at])
        starts = found.instructions.starts[first:last]
        sizes = found.instructions.ends[first:last] - starts
        self._starts = array("I", (starts - begin).astype(np.uint32).tobytes())
        self._sizes = bytearray(sizes.astype(np.uint8).tobytes())
        self._ids = array("H", found.ids[first:last].tobytes())

    def same_places(self, other: Amd64Code) -> None:
        """Take over the places of the instructions of `other`, which is decoded and differs only in operands."""
        self._starts, self._sizes, self._ids = other._starts, other._sizes, other._ids

    def outline(self) -> tuple[I64, U64]:
        """Offset of every instruction, shape (n,), and what it does but for addresses, shape (n, 2)."""
        if self.outlined is None:
            outline([self])
        return self.outlined or (np.zeros(0, dtype=np.int64), np.zeros((0, 2), dtype=np.uint64))

    def _raw(self, index: int) -> Instruction:
        raw = self._parsed.get(index)
        if raw is None:
            raw = self._parsed[index] = self._parse(index)
        return raw

    def _parse(self, index: int) -> Instruction:
        start = self._starts[index]
        size, mnemonic, text = engine().text(self.code[start : start + LONGEST], self.address + start)
        return parse(mnemonic, text, self.address + start + size)

    def insn(self, index: int) -> Insn:
        """Instruction `index`."""
        found = self._known.get(index)
        if found is None:
            found = self._known[index] = self._examine(index)
        return found

    def offset(self, index: int) -> int:
        """Bytes from the entry to instruction `index`."""
        return self._starts[index]

    def constants(self, indices: I64) -> Constants:
        """The constants of several instructions at once."""
        starts = np.frombuffer(self._starts, dtype=np.uint32)[indices].astype(np.int64)
        sizes = np.frombuffer(self._sizes, dtype=np.uint8)[indices].astype(np.int64)
        ids = np.frombuffer(self._ids, dtype=np.uint16)[indices]
        found = fields(self.code, starts, sizes)
        moved, given = found.displacement_size > 0, found.immediate_size > 0
        alone = found.relative | found.branch | (ids == Disassembler.INVALID) | (found.immediate > starts + sizes)
        displacement = numbers(self.code, found.displacement, found.displacement_size)
        immediate = numbers(self.code, found.immediate, np.minimum(found.immediate_size, 8))
        count = np.where(alone | (found.immediate_size > 8), -1, moved.astype(np.int64) + given)
        return Constants(count, np.where(count == 2, displacement, 0), np.where(given, immediate, displacement))

    def framed(self, indices: I64) -> npt.NDArray[np.bool_]:
        """Whether the constants of each of several instructions are places on the stack."""
        starts = np.frombuffer(self._starts, dtype=np.uint32)[indices].astype(np.int64)
        sizes = np.frombuffer(self._sizes, dtype=np.uint8)[indices].astype(np.int64)
        # That depends on what is before the displacement, and many instructions begin alike.
        first, group = grouped(leads(self.code, starts, fields(self.code, starts, sizes).displacement - starts))
        out: npt.NDArray[np.bool_] = np.array([self.insn(i).frame for i in indices[first].tolist()])[group]
        return out

    def mentions(self, index: int, register: int) -> bool:
        """Whether instruction `index` may have an operand in `register`, or in memory at it."""
        if self._ids[index] == Disassembler.INVALID:
            return True
        start = self._starts[index]
        at = places(self.code[start : start + self._sizes[index]])
        low = register & 7
        if at.modrm < 0:
            return at.opcode & 0xF0 not in _IN_OPCODE or at.opcode & 7 == low
        if at.opcode < 0 and not VECTOR_PREFIXES.isdisjoint(self.code[start : start + at.displacement]):
            return True
        if low in {at.modrm & 7, at.modrm >> 3 & 7}:
            return True
        # Behind ModRM is SIB, with base and index.
        return at.modrm & 7 == 4 and at.modrm < 0xC0 and low in _of_sib(self.code[start + at.displacement - 1])

    def load(self, index: int) -> Load | None:
        """What instruction `index` reads through a register, or forms the address of at an index; None when nothing."""
        raw = self._raw(index)
        first = 0 if raw.operation in _READ_ONLY else 1
        memory = next((each for each in raw.operands[first:4] if isinstance(each, Memory)), None)
        if memory is None or _is_string(raw):
            return None
        indexed = bool(memory.indexed_by)
        base = _number(memory.base)
        if base < 0 or (raw.operation == "lea" and not indexed):
            return None
        # What reads an unknown number of bytes may read as far as an index leads.
        register = _number(memory.indexed_by) if indexed else -1
        return Load(
            base,
            memory.displacement,
            memory.size,
            indexed=indexed or not memory.size,
            index=register,
            scale=memory.scale,
        )

    def adds(self, index: int) -> tuple[int, int] | None:
        """(register, constant that is added to it), None for other instructions."""
        raw = self._raw(index)
        target = raw.register(0)
        if not target:
            return None
        if raw.operation in {"dec", "inc"}:
            return _number(target), 1 if raw.operation == "inc" else -1
        sign = _SIGNS.get(raw.operation, 0)
        if not sign or raw.constant(1) is None:
            return None
        return _number(target), sign * self.insn(index).constants[-1]

    def effect(self, index: int) -> Effect | None:
        """What instruction `index` makes of one register from another one and constants; None for all others."""
        return effects.effect(self._raw(index))

    def compares(self, index: int) -> Comparison | None:
        """What instruction `index`, a comparison with a constant, and the conditional branch behind it say."""
        return effects.compares(self._raw(index), self._raw(index + 1)) if self.has(index + 1) else None

    def ends(self, index: int) -> bool:
        """Whether no way leads from instruction `index` to the one behind it: a jump, or a return."""
        return self._raw(index).operation in _ENDS

    def repeats(self, index: int) -> int:
        """Bytes that each turn of a repeated copy reads, 0 for other instructions."""
        start = self._starts[index]
        if _REP not in self.code[start : start + self._sizes[index]]:
            return 0
        raw = self._raw(index)
        return _REPEATED.get(raw.operation, 0) if raw.repeated else 0

    def writes(self, index: int, register: int) -> bool:
        """Whether `register` holds something else after instruction `index`."""
        raw = self._raw(index)
        target = raw.register(0)
        return bool(target) and raw.operation not in _READ_ONLY and _number(target) == register

    def _examine(self, index: int) -> Insn:
        offset, size = self._starts[index], self._sizes[index]
        end = self.address + offset + size
        code = self.code[offset : offset + size]
        if self._ids[index] == Disassembler.INVALID:
            return Insn(offset, size, code, ())
        at = places(code)
        immediate = int.from_bytes(code[at.immediate :], "little", signed=True)
        if at.branch:
            kind = CALL if at.opcode == _CALL else BRANCH
            return Insn(
                offset, size, b"b%d" % int(BRANCHES[code[at.immediate - 1]]), (), target=end + immediate, kind=kind
            )
        shape = code[: at.displacement] + bytes(size - at.displacement)
        displacement = int.from_bytes(code[at.displacement : at.immediate], "little", signed=True)
        constants: tuple[int, ...] = (immediate,) if at.immediate < size else ()
        if not at.relative:
            constants = (displacement, *constants) if at.displacement < at.immediate else constants
            move, stores = _moves(at, displacement, constants if size - at.immediate != 2 else ())
            return Insn(offset, size, shape, constants, move=move, stores=stores, frame=at.base in _STACK)
        target = end + displacement
        if at.opcode == _LEA:
            register = at.modrm >> 3 & 7 | (at.rex & 4) << 1
            return Insn(offset, size, shape, constants, target=target, kind=LEA, lea=register)
        raw = self._raw(index)
        memory = raw.memory
        width, is_float = (memory.size, _is_float(raw, memory)) if memory is not None else (0, False)
        stores = _moves(at, target, constants)[1]
        return Insn(
            offset, size, shape, constants, target=target, kind=MEMORY, width=width, is_float=is_float, stores=stores
        )


def find_targets(codes: Sequence[Amd64Code]) -> None:
    """Find what several functions refer to, which costs less together than one by one."""
    for portion in in_portions(codes, lambda code: len(code.code)):
        take_over(portion, decode_together([code.code for code in portion]))


def outline(codes: Sequence[Amd64Code]) -> None:
    """Find the outlines of several functions, which costs less together than one by one."""
    for portion in in_portions(codes, lambda code: len(code.code)):
        found = put_together([code.code for code in portion], [code.decoded() for code in portion])
        words = without_addresses(found)
        bounds = zip(found.begins.tolist(), pairwise(found.first.tolist()), strict=False)
        for code, (begin, (first, last)) in zip(portion, bounds, strict=True):
            code.outlined = found.instructions.starts[first:last] - begin, words[first:last]


def take_over(codes: Sequence[Amd64Code], found: Decoded) -> None:
    """Give `codes`, in order, what was decoded of them together."""
    for at, (code, refers) in enumerate(zip(codes, references([each.address for each in codes], found), strict=True)):
        code.take(found, at)
        code.references = refers


def references(addresses: Sequence[int], found: Decoded) -> list[tuple[I64, I64, I64]]:
    """For each of some functions, which are at `addresses`: the columns index, kind and target of its references."""
    block, fields = found.instructions, found.instructions.fields
    rows = np.flatnonzero(fields.relative | fields.branch)
    memory = fields.relative[rows]
    at = np.where(memory, fields.displacement[rows], fields.immediate[rows])
    size = np.where(memory, fields.displacement_size[rows], fields.immediate_size[rows])
    target = block.ends[rows] + words(found.code, at, size)
    kind = np.where(memory, np.where(block.lea[rows], LEA, MEMORY), np.where(fields.call[rows], CALL, BRANCH))
    edges = pairwise(np.searchsorted(rows, found.first).tolist())
    bounds = zip(addresses, found.begins.tolist(), found.first.tolist(), edges, strict=False)
    return [
        (rows[low:high] - first, kind[low:high], target[low:high] + (address - begin))
        for address, begin, first, (low, high) in bounds
    ]


def _of_sib(sib: int) -> tuple[int, int]:
    return sib & 7, sib >> 3 & 7


def _both(raw: Instruction) -> bool:
    """Whether the operands are those of a string instruction: its two places, or one and the accumulator or port."""
    return all(isinstance(each, Memory) or each in {"al", "ax", "eax", "rax", "dx"} for each in raw.operands)


def _is_float(raw: Instruction, memory: Memory | None) -> bool:
    """Whether one number of floating point is read from memory, or written to it."""
    name = raw.operation.removeprefix("v")
    if memory is None or memory.size not in {4, 8} or name.startswith(("p", "cvtsi2", "cvtusi2")):
        return False
    if name in _SCALARS:
        return True
    return name.endswith(("ss", "sd", "ss2si", "sd2si", "ss2usi", "sd2usi")) and not _is_string(raw)


def _is_string(raw: Instruction) -> bool:
    return raw.operation in _STRINGS and _both(raw)


def _moves(
    at: Places, displacement: int, constants: tuple[int, ...]
) -> tuple[tuple[int, int] | None, tuple[tuple[int, int, int, int], ...]]:
    """`Insn.move` and `Insn.stores` of MOV: B8+r, C7 /0, and 89 of eight bytes at a place without index."""
    if at.opcode & 0xF8 == _MOV_CONSTANT and at.modrm < 0 and constants:
        return (at.opcode & 7 | (at.rex & 1) << 3, constants[-1]), ()
    if at.opcode == _MOV_TO_RM and at.modrm >> 3 & 7 == 0:
        if at.modrm >> 6 == 3 and constants:
            return (at.modrm & 7 | (at.rex & 1) << 3, constants[-1]), ()
        if at.rex & 8 and not at.indexed:
            return None, ((at.base, displacement, -1, constants[-1]),)
    if at.opcode == _MOV_STORE and at.rex & 8 and at.modrm >> 6 != 3 and not at.indexed:
        return None, ((at.base, displacement, at.modrm >> 3 & 7 | (at.rex & 4) << 1, 0),)
    return None, ()

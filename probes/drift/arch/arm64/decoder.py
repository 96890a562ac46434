"""arm64 code to instructions, with capstone; addresses that two instructions form are joined."""

from __future__ import annotations

import re
import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from probes.drift.arch.arm64 import loads
from probes.drift.arch.code import BRANCH, CALL, Insn, Load, signed
from probes.drift.arch.disassembler import Disassembler
from probes.drift.arch.windows import LEA, MEMORY

if TYPE_CHECKING:
    from probes.drift.arch.code import Comparison, Effect
    from probes.elf.image import I64, U64

FOLLOWS = {n: n + 1 for n in range(15)}
"""Go passes integer arguments in R0 to R15 (compile/abi-internal.md)."""

_IMMEDIATE = re.compile(r"#(-?0x[0-9a-f]+|-?\d+)")
_STORE = re.compile(r"(x\d+|xzr), (?:(x\d+|xzr), )?\[(x\d+|sp)(?:, #(-?0x[0-9a-f]+|-?\d+))?\]$")
_MOVE = re.compile(r"[xw](\d+), (?:[xw]zr, )?#(0x[0-9a-f]+|\d+)$")


@cache
def _engine() -> Disassembler:
    return Disassembler(1, 0)  # CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN


class Arm64Code:
    """A function's instructions; a pair that forms an address is one. Words that are none are literals, and valid."""

    valid = True
    REPEAT_SOURCE = REPEAT_COUNT = -1
    SCRATCH = 27  # REGTMP, cmd/internal/obj/arm64

    def __init__(self, code: bytes, address: int) -> None:
        self.code = code
        self.address = address
        self._words = struct.unpack(f"<{len(code) // 4}I", code[: len(code) // 4 * 4])
        self._starts: list[int] = []
        index = 0
        while index < len(self._words):
            self._starts.append(index)
            index += 2 if self._page_at(index) else 1
        self._known: dict[int, Insn] = {}

    def __len__(self) -> int:
        return len(self._starts)

    def has(self, index: int) -> bool:
        """Whether there is an instruction `index`."""
        return 0 <= index < len(self._starts)

    def _page_at(self, word: int) -> Insn | None:
        following = self._words[word + 1] if word + 1 < len(self._words) else 0
        return _page(self._words[word], following, self.address + 4 * word, 4 * word)

    def index_at(self, offset: int) -> int:
        """Index of the instruction that holds the byte at `offset` from the entry."""
        return max(bisect_right(self._starts, offset // 4) - 1, 0)

    def is_nop(self, index: int) -> bool:
        """Whether instruction `index` only pads."""
        return bool(self._words[self._starts[index]] == 0xD503201F)

    def targets(self) -> Iterator[tuple[int, int, int]]:
        """(index, kind, address) of the instructions that refer to an address."""
        for index in range(len(self)):
            word = self._words[self._starts[index]]
            if word & 0x9F000000 == 0x90000000 or _relative(word, 0, 0) is not None:
                insn = self.insn(index)
                if insn.target is not None:
                    yield index, insn.kind, insn.target

    def taken(self) -> I64:
        """The addresses that are only taken, in order."""
        return np.array([signed(target) for _, kind, target in self.targets() if kind == LEA], dtype=np.int64)

    def outline(self) -> tuple[I64, U64]:
        """Offset of every instruction, shape (n,), and what it does but for addresses, shape (n, 1)."""
        starts = np.array(self._starts, dtype=np.int64)
        plain = np.frombuffer(_bare(self.code), dtype="<u4", count=len(self._words)).astype(np.uint64)
        return 4 * starts, plain[starts].reshape(-1, 1)

    def offset(self, index: int) -> int:
        """Bytes from the entry to instruction `index`."""
        return 4 * self._starts[index]

    def constants(self, _indices: I64) -> None:
        """They are in capstone's text, instruction by instruction."""

    def framed(self, indices: I64) -> npt.NDArray[np.bool_]:
        """Whether the constants of each of several instructions are places on the stack."""
        return np.array([self.insn(index).frame for index in indices.tolist()], dtype=np.bool_)

    def mentions(self, _index: int, _register: int) -> bool:
        """Whether instruction `index` may have an operand in `register`: to ask costs no more than to look."""
        return True

    def load(self, index: int) -> Load | None:
        """What instruction `index` reads through a register, None when nothing."""
        return loads.load(self._words[self._starts[index]])

    def adds(self, index: int) -> tuple[int, int] | None:
        """(register, constant that is added to it), None for other instructions."""
        return loads.adds(self._words[self._starts[index]])

    def effect(self, index: int) -> Effect | None:
        """What instruction `index` makes of one register from another one and constants; None for all others."""
        return loads.effect(self._words[self._starts[index]])

    def compares(self, index: int) -> Comparison | None:
        """What instruction `index`, a comparison with a constant, and the conditional branch behind it say."""
        word = self._starts[index]
        return loads.compares(*self._words[word : word + 2]) if word + 1 < len(self._words) else None

    def ends(self, index: int) -> bool:
        """Whether no way leads from instruction `index` to the one behind it: a jump, or a return."""
        return loads.ends(self._words[self._starts[index]])

    def repeats(self, _index: int) -> int:
        """No instruction repeats."""
        return 0

    def writes(self, index: int, register: int) -> bool:
        """Whether `register` holds something else after instruction `index`."""
        insn = self.insn(index)
        return insn.lea == register or loads.writes(self._words[self._starts[index]], register)

    def insn(self, index: int) -> Insn:
        """Instruction `index`."""
        found = self._known.get(index)
        if found is None:
            word = self._starts[index]
            pc = self.address + 4 * word
            found = (
                _relative(self._words[word], pc, 4 * word)
                or self._page_at(word)
                or _plain(self._words[word], pc, 4 * word)
            )
            self._known[index] = found
        return found


def bare(codes: Sequence[bytes]) -> list[bytes]:
    """Each of `codes` with every PC-relative operand of calls and address pairs zeroed."""
    return [_bare(code) for code in codes]


def _bare(code: bytes) -> bytes:
    words = np.frombuffer(bytearray(code[: len(code) // 4 * 4]), dtype="<u4")
    page = (words & 0x9F000000) == 0x90000000
    words[1:][page[:-1]] &= ~np.uint32(0x003FFC00)
    words[page] &= np.uint32(0x9F00001F)
    words[(words & 0x7C000000) == 0x14000000] &= np.uint32(0xFC000000)
    return words.tobytes()


def _relative(word: int, pc: int, offset: int) -> Insn | None:
    """A branch, or a load, whose one word holds the distance to its target."""
    if word & 0x7C000000 == 0x14000000:  # B, BL
        kind = CALL if word >> 31 else BRANCH
        return Insn(offset, 4, b"b%d" % (word >> 31), (), target=pc + 4 * signed(word, 26), kind=kind)
    if word & 0xFF000010 == 0x54000000 or word & 0x7E000000 == 0x34000000:  # B.cond, CBZ, CBNZ
        shape = struct.pack("<I", word & ~(0x7FFFF << 5))
        return Insn(offset, 4, shape, (), target=pc + 4 * signed(word >> 5, 19), kind=BRANCH)
    if word & 0x7E000000 == 0x36000000:  # TBZ, TBNZ
        shape = struct.pack("<I", word & ~(0x3FFF << 5))
        return Insn(offset, 4, shape, (), target=pc + 4 * signed(word >> 5, 14), kind=BRANCH)
    if word & 0x3B000000 == 0x18000000:  # LDR and LDRSW (literal): opc 31:30, V 26, imm19 23:5
        shape = struct.pack("<I", word & ~(0x7FFFF << 5))
        width = 4 << (word >> 30) if word >> 26 & 1 else 8 if word >> 30 == 1 else 4
        target = pc + 4 * signed(word >> 5, 19)
        return Insn(offset, 4, shape, (), target=target, kind=MEMORY, width=width, is_float=bool(word >> 26 & 1))
    return None


def _page(word: int, following: int, pc: int, offset: int) -> Insn | None:
    if word & 0x9F000000 != 0x90000000:  # ADRP
        return None
    page = (pc & ~0xFFF) + (signed((word >> 5 & 0x7FFFF) << 2 | word >> 29 & 3, 21) << 12)
    add, memory = following & 0xFFC00000 == 0x91000000, following & 0x3B000000 == 0x39000000
    if not (add or memory) or following >> 5 & 31 != word & 31:
        return None
    scale = following >> 30
    if following >> 26 & 1 and following >> 23 & 1 and scale == 0:
        scale = 4
    low = (following >> 10 & 0xFFF) << (0 if add else scale)
    shape = struct.pack("<II", word & 0x9F00001F, following & ~0x003FFC00)
    return Insn(
        offset,
        8,
        shape,
        (),
        target=page + low,
        kind=LEA if add else MEMORY,
        width=1 << scale if memory else 0,
        is_float=bool(memory and following >> 26 & 1),
        lea=following & 31 if add else -1,
    )


def _stores(mnemonic: str, operands: str) -> tuple[tuple[int, int, int, int], ...]:
    """What a store, of one word or a pair of them, puts where: (base, displacement, register or -1, 0)."""
    found = _STORE.match(operands) if mnemonic in {"str", "stp", "stur"} else None
    if found is None:
        return ()
    base = 31 if found[3] == "sp" else int(found[3][1:])
    sources = [-1 if each == "xzr" else int(each[1:]) for each in (found[1], found[2]) if each]
    place = int(found[4] or "0", 0)
    return tuple((base, place + 8 * at, source, 0) for at, source in enumerate(sources))


def _plain(word: int, pc: int, offset: int) -> Insn:
    raw = struct.pack("<I", word)
    size, mnemonic, operands = _engine().text(raw, pc)
    if not size:
        return Insn(offset, 4, b"literal", (word,))
    constants = tuple(int(text, 0) for text in _IMMEDIATE.findall(operands))
    shape = f"{mnemonic} {_IMMEDIATE.sub('#', operands)}".encode()
    move = _MOVE.match(operands) if mnemonic in {"mov", "movz", "orr"} else None
    return Insn(
        offset,
        4,
        shape,
        constants,
        move=(int(move[1]), int(move[2], 0)) if move else None,
        stores=_stores(mnemonic, operands),
        frame="[sp" in operands,
    )

"""amd64 code to instructions, with iced-x86. Instructions are found at once and examined only when asked for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from iced_x86 import Code, Decoder, FlowControl, MemorySize, MemorySizeExt, Mnemonic, OpKind, Register
from iced_x86 import Instruction as Raw

from probes.drift.arch.amd64 import effects
from probes.drift.arch.amd64.effects import number as _number
from probes.drift.arch.code import BRANCH, CALL, Insn, Load
from probes.drift.arch.windows import LEA, MEMORY

if TYPE_CHECKING:
    from probes.drift.arch.code import Comparison, Effect

FOLLOWS = {0: 3, 3: 1, 1: 7, 7: 6, 6: 8, 8: 9, 9: 10, 10: 11}
"""Go's argument registers AX BX CX DI SI R8 R9 R10 R11, each with the next (compile/abi-internal.md)."""

_BRANCHES = {OpKind.NEAR_BRANCH16, OpKind.NEAR_BRANCH32, OpKind.NEAR_BRANCH64}
_CALLS = {FlowControl.CALL, FlowControl.INDIRECT_CALL}
_ENDS = {FlowControl.UNCONDITIONAL_BRANCH, FlowControl.INDIRECT_BRANCH, FlowControl.RETURN, FlowControl.EXCEPTION}
_FLOATS = {MemorySize.FLOAT32, MemorySize.FLOAT64}
_STACK = {Register.RSP, Register.RBP}
_LEAS = {Code.LEA_R64_M, Code.LEA_R32_M}
_MOVES = {Code.MOV_R32_IMM32, Code.MOV_R64_IMM64, Code.MOV_RM64_IMM32, Code.MOV_RM32_IMM32}
_NOPS = {Code.NOPD, Code.NOPW, Code.NOPQ, Code.NOP_RM16, Code.NOP_RM32, Code.NOP_RM64}
_SIGNS = {Mnemonic.ADD: 1, Mnemonic.SUB: -1}
_READ_ONLY = {Mnemonic.CMP, Mnemonic.TEST, Mnemonic.PUSH}
_REPEATED = {Code.MOVSQ_M64_M64: 8, Code.MOVSD_M32_M32: 4, Code.MOVSB_M8_M8: 1}


class Amd64Code:
    """A function's instructions, decoded as far as they are asked for."""

    REPEAT_SOURCE, REPEAT_COUNT = 6, 1  # RSI, RCX
    SCRATCH = -1

    def __init__(self, code: bytes, address: int) -> None:
        self.code = code
        self.address = address
        self._stream = iter(Decoder(64, code, ip=address))
        self._again = Decoder(64, code, ip=address)
        self._raw: list[Raw] = []
        self._starts: list[int] = []
        self._known: dict[int, Insn] = {}

    def __len__(self) -> int:
        while self._more(1 << 16):
            pass
        return len(self._raw)

    def _more(self, count: int = 64) -> bool:
        """Decode up to `count` instructions more; false when there are none."""
        found = list(islice(self._stream, count))
        self._raw += found
        self._starts += [raw.ip for raw in found]
        return bool(found)

    def _codes(self) -> list[int]:
        return [raw.code for raw in self._raw]

    @property
    def valid(self) -> bool:
        """Whether all of the bytes are instructions."""
        return len(self) == 0 or Code.INVALID not in self._codes()

    def has(self, index: int) -> bool:
        """Whether there is an instruction `index`."""
        while len(self._raw) <= index:
            if not self._more():
                return False
        return index >= 0

    def index_at(self, offset: int) -> int:
        """Index of the instruction that holds the byte at `offset` from the entry."""
        place = self.address + offset
        while not self._starts or self._starts[-1] <= place:
            if not self._more():
                break
        return max(bisect_right(self._starts, place) - 1, 0)

    def is_nop(self, index: int) -> bool:
        """Whether instruction `index` only pads."""
        return self._raw[index].code in _NOPS

    def targets(self) -> Iterator[tuple[int, int, int]]:
        """(index, kind, address) of the instructions that refer to an address."""
        len(self)
        for index, raw in enumerate(self._raw):
            if raw.is_ip_rel_memory_operand:
                yield index, LEA if raw.code in _LEAS else MEMORY, raw.ip_rel_memory_address
            elif raw.op0_kind in _BRANCHES:
                yield index, CALL if raw.flow_control in _CALLS else BRANCH, raw.near_branch_target

    def outline(self) -> list[tuple[int, Hashable]]:
        """(offset, what it does but for addresses) of every instruction."""
        len(self)
        out: list[tuple[int, Hashable]] = []
        for raw in self._raw:
            first = raw.ip - self.address
            if raw.is_ip_rel_memory_operand or raw.op0_kind in _BRANCHES:
                out.append((first, (raw.code, raw.op0_register, raw.op1_register)))
            else:
                out.append((first, self.code[first : first + raw.len]))
        return out

    def insn(self, index: int) -> Insn:
        """Instruction `index`."""
        found = self._known.get(index)
        if found is None:
            found = self._known[index] = self._examine(self._raw[index])
        return found

    def load(self, index: int) -> Load | None:
        """What instruction `index` reads through a register, or forms the address of at an index; None when nothing."""
        raw = self._raw[index]
        indexed = raw.memory_index != Register.NONE
        sources = {raw.op1_kind, raw.op2_kind, raw.op3_kind}
        if raw.mnemonic in _READ_ONLY:
            sources.add(raw.op0_kind)
        if OpKind.MEMORY not in sources or (raw.code in _LEAS and not indexed):
            return None
        base = _number(raw.memory_base)
        if base < 0:
            return None
        size = MemorySizeExt.size(raw.memory_size)
        # What reads an unknown number of bytes may read as far as an index leads.
        index = _number(raw.memory_index) if indexed else -1
        return Load(
            base, _displacement(raw), size, indexed=indexed or not size, index=index, scale=raw.memory_index_scale
        )

    def adds(self, index: int) -> tuple[int, int] | None:
        """(register, constant that is added to it), None for other instructions."""
        raw = self._raw[index]
        if raw.op0_kind != OpKind.REGISTER:
            return None
        if raw.mnemonic in {Mnemonic.DEC, Mnemonic.INC}:
            return _number(raw.op0_register), 1 if raw.mnemonic == Mnemonic.INC else -1
        sign = _SIGNS.get(raw.mnemonic, 0)
        constants = self.insn(index).constants
        if not sign or raw.op1_kind in {OpKind.REGISTER, OpKind.MEMORY} or not constants:
            return None
        return _number(raw.op0_register), sign * constants[-1]

    def effect(self, index: int) -> Effect | None:
        """What instruction `index` makes of one register from another one and constants; None for all others."""
        return effects.effect(self._raw[index])

    def compares(self, index: int) -> Comparison | None:
        """What instruction `index`, a comparison with a constant, and the conditional branch behind it say."""
        following = self._raw[index + 1] if self.has(index + 1) else None
        return effects.compares(self._raw[index], following) if following is not None else None

    def ends(self, index: int) -> bool:
        """Whether no way leads from instruction `index` to the one behind it: a jump, or a return."""
        return self._raw[index].flow_control in _ENDS

    def repeats(self, index: int) -> int:
        """Bytes that each turn of a repeated copy reads, 0 for other instructions."""
        raw = self._raw[index]
        return _REPEATED.get(raw.code, 0) if raw.has_rep_prefix else 0

    def writes(self, index: int, register: int) -> bool:
        """Whether `register` holds something else after instruction `index`."""
        raw = self._raw[index]
        return (
            raw.op0_kind == OpKind.REGISTER
            and raw.op_count > 0
            and raw.mnemonic not in _READ_ONLY
            and _number(raw.op0_register) == register
        )

    def _examine(self, raw: Raw) -> Insn:
        offset, size = raw.ip - self.address, raw.len
        if raw.op_count == 1 and raw.op0_kind in _BRANCHES:
            kind = CALL if raw.flow_control in _CALLS else BRANCH
            return Insn(offset, size, b"b%d" % raw.mnemonic, (), target=raw.near_branch_target, kind=kind)
        # Offsets of constants are known of the instruction that was decoded last only.
        self._again.position, self._again.ip = offset, raw.ip
        places = self._again.get_constant_offsets(self._again.decode())
        shape = bytearray(self.code[offset : offset + size])
        constants: list[int] = []
        relative = raw.is_ip_rel_memory_operand
        for present, first, width in (
            (places.has_displacement, places.displacement_offset, places.displacement_size),
            (places.has_immediate, places.immediate_offset, places.immediate_size),
            (places.has_immediate2, places.immediate_offset2, places.immediate_size2),
        ):
            if present:
                if not (relative and first == places.displacement_offset and places.has_displacement):
                    constants.append(int.from_bytes(shape[first : first + width], "little", signed=True))
                shape[first : first + width] = bytes(width)
        opcode = raw.code
        target, kind, width = None, -1, 0
        if relative:
            target = raw.ip_rel_memory_address
            kind = LEA if opcode in _LEAS else MEMORY
            width = MemorySizeExt.size(raw.memory_size)
        lea, move = -1, None
        stores: tuple[tuple[int, int, int, int], ...] = ()
        if kind == LEA:
            lea = _number(raw.op0_register)
        elif opcode in _MOVES and raw.op0_kind == OpKind.REGISTER:
            move = (_number(raw.op0_register), constants[-1])
        elif opcode == Code.MOV_RM64_R64 and raw.op0_kind == OpKind.MEMORY and raw.memory_index == Register.NONE:
            stores = ((_number(raw.memory_base), raw.memory_displacement, _number(raw.op1_register), 0),)
        elif opcode == Code.MOV_RM64_IMM32 and raw.memory_index == Register.NONE:
            stores = ((_number(raw.memory_base), raw.memory_displacement, -1, constants[-1]),)
        return Insn(
            offset,
            size,
            bytes(shape),
            tuple(constants),
            target=target,
            kind=kind,
            width=width,
            is_float=raw.memory_size in _FLOATS,
            lea=lea,
            move=move,
            stores=stores,
            frame=raw.memory_base in _STACK,
        )


def bare(code: bytes, address: int) -> bytes:
    """`code` with every PC-relative operand zeroed."""
    out = bytearray(code)
    decoder = Decoder(64, code, ip=address)
    for raw in decoder:
        if raw.is_ip_rel_memory_operand:
            places = decoder.get_constant_offsets(raw)
            first, width = places.displacement_offset, places.displacement_size
        elif raw.op0_kind in _BRANCHES:
            places = decoder.get_constant_offsets(raw)
            first, width = places.immediate_offset, places.immediate_size
        else:
            continue
        first += raw.ip - address
        out[first : first + width] = bytes(width)
    return bytes(out)


def _displacement(raw: Raw) -> int:
    return (raw.memory_displacement + (1 << 63)) % (1 << 64) - (1 << 63)

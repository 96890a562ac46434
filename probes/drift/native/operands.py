"""A C function's code apart from the addresses in it. C compilers form addresses in more ways than Go's does.

amd64: operands relative to RIP, and in programs at a fixed place absolute ones. arm64: a page (ADRP) that several later
instructions add to.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from probes.drift.addresses.bytes_read import TO_NEXT
from probes.drift.arch.code import BRANCH, CALL
from probes.drift.arch.windows import LEA, MEMORY
from probes.records import dataclass

ABSOLUTE = 5
"""Kind of a target, besides those of `windows` and `insn`: an immediate, which may be an address or a plain number."""
CALLEE_SAVED = 19
"""The first register that a call keeps (AAPCS64)."""


@dataclass(frozen=True, slots=True)
class Operands:
    """`bare`: the code with all operands that are addresses zeroed. `targets`, in order: (kind, address, bytes accessed).

    Bytes are `TO_NEXT` where an address is only taken, or where no decoder knows how many are read.
    """

    bare: bytes
    targets: tuple[tuple[int, int, int], ...]


def operands(code: bytes, address: int, arch: str, mapped: Callable[[int], bool] | None) -> Operands:
    """Take the addresses out of `code`, which is at `address`.

    Args:
        code: the instructions of one function.
        address: of its first byte.
        arch: `amd64` or `arm64`.
        mapped: whether a number can be an address of the image; None where absolute addresses cannot be in code.
    """
    found = _arm64(code, address) if arch == "arm64" else _amd64(code, address, mapped)
    # Damaged code reaches around the end of the address space: below zero, nothing is there.
    return Operands(found.bare, tuple((kind, _signed(target, 64), width) for kind, target, width in found.targets))


def _amd64(code: bytes, address: int, mapped: Callable[[int], bool] | None) -> Operands:
    from iced_x86 import Code, Decoder, FlowControl, MemorySizeExt, OpKind  # noqa: PLC0415 - only programs with C code on amd64 need it

    branches = {OpKind.NEAR_BRANCH16, OpKind.NEAR_BRANCH32, OpKind.NEAR_BRANCH64}
    out = bytearray(code)
    targets: list[tuple[int, int, int]] = []
    decoder = Decoder(64, code, ip=address)
    for raw in decoder:
        places = decoder.get_constant_offsets(raw)
        first = raw.ip - address
        if raw.is_ip_rel_memory_operand:
            taken = raw.code == Code.LEA_R64_M
            width = TO_NEXT if taken else MemorySizeExt.size(raw.memory_size) or TO_NEXT
            targets.append((LEA if taken else MEMORY, raw.ip_rel_memory_address, width))
            spans = [(places.displacement_offset, places.displacement_size)]
        elif raw.op0_kind in branches:
            call = raw.flow_control in {FlowControl.CALL, FlowControl.INDIRECT_CALL}
            targets.append((CALL if call else BRANCH, raw.near_branch_target, TO_NEXT))
            spans = [(places.immediate_offset, places.immediate_size)]
        elif mapped is not None:
            spans = []
            for kind, offset, size in (
                (LEA, places.displacement_offset, places.displacement_size),
                (ABSOLUTE, places.immediate_offset, places.immediate_size),
            ):
                number = int.from_bytes(code[first + offset : first + offset + size], "little")
                if size >= 4 and mapped(number):
                    targets.append((kind, number, TO_NEXT))
                    spans.append((offset, size))
        else:
            continue
        for offset, size in spans:
            out[first + offset : first + offset + size] = bytes(size)
    return Operands(bytes(out), tuple(targets))


def _arm64(code: bytes, address: int) -> Operands:
    words = struct.unpack(f"<{len(code) // 4}I", code[: len(code) // 4 * 4])
    out: list[int] = []
    targets: list[tuple[int, int, int]] = []
    pages: dict[int, int] = {}
    for index, word in enumerate(words):
        bare, found = _relative(word, address + 4 * index, pages)
        if found is None:
            bare, found = _on_page(word, pages)
        out.append(bare)
        targets += [found] if found is not None and found[0] >= 0 else []
    return Operands(struct.pack(f"<{len(out)}I", *out), tuple(targets))


def _relative(word: int, pc: int, pages: dict[int, int]) -> tuple[int, tuple[int, int, int] | None]:
    """The word without its operand, and (kind, address) of one that is relative to `pc`; kind -1 for a page."""
    if word & 0x1F000000 == 0x10000000:  # ADR, ADRP: immhi 23:5, immlo 30:29
        distance = _signed((word >> 5 & 0x7FFFF) << 2 | word >> 29 & 3, 21)
        if word >> 31:
            pages[word & 31] = (pc & ~0xFFF) + (distance << 12)
            return word & 0x9F00001F, (-1, 0, 0)
        return word & 0x9F00001F, (LEA, pc + distance, TO_NEXT)
    if word & 0x7C000000 == 0x14000000:  # B, BL
        if word >> 31:
            for register in [r for r in pages if r < CALLEE_SAVED]:
                del pages[register]
        return word & 0xFC000000, (CALL if word >> 31 else BRANCH, pc + 4 * _signed(word, 26), TO_NEXT)
    return word, None


def _on_page(word: int, pages: dict[int, int]) -> tuple[int, tuple[int, int, int] | None]:
    """The word without its operand, and (kind, address) of one that adds to a page."""
    base, low = word >> 5 & 31, word >> 10 & 0xFFF
    if base not in pages:
        return word, None
    page = pages[base]
    if word & 0xFFC00000 == 0x91000000:  # ADD, immediate
        if word & 31 == base:
            del pages[base]
        return word & ~0x003FFC00, (LEA, page + low, TO_NEXT)
    if word & 0x3B000000 == 0x39000000:  # LDR, STR, unsigned offset
        scale = 4 if word >> 26 & 1 and word >> 23 & 1 and word >> 30 == 0 else word >> 30
        if not word >> 26 & 1 and word >> 22 & 3 and word & 31 == base:
            del pages[base]
        return word & ~0x003FFC00, (MEMORY, page + (low << scale), 1 << scale)
    return word, None


def _signed(value: int, bits: int) -> int:
    return (value & ((1 << bits) - 1) ^ (1 << (bits - 1))) - (1 << (bits - 1))

"""The addresses in the code of C compilers: operands relative to RIP, and absolute ones in programs at a fixed place."""

from __future__ import annotations

from collections.abc import Callable

from probes.drift.arch.code import BRANCH, CALL, TO_NEXT
from probes.drift.arch.operands import ABSOLUTE, Operands
from probes.drift.arch.windows import LEA, MEMORY


def operands(code: bytes, address: int, mapped: Callable[[int], bool] | None) -> Operands:
    """Take the addresses out of `code` (see `Architecture.c_operands`)."""
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

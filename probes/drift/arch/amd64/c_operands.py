"""The addresses in the code of C compilers: operands relative to RIP, and absolute ones in programs at a fixed place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from probes.drift.arch.amd64.blocks import taken_apart
from probes.drift.arch.amd64.instruction import accessed
from probes.drift.arch.code import BRANCH, CALL, TO_NEXT
from probes.drift.arch.operands import ABSOLUTE, Operands
from probes.drift.arch.windows import LEA, MEMORY

_ADDRESS = 4
"""Bytes of an absolute address at least."""


def operands(code: bytes, address: int, mapped: Callable[[int], bool] | None) -> Operands:
    """Take the addresses out of `code` (see `Architecture.c_operands`)."""
    block = taken_apart(code, texts=True)
    found = block.fields
    chosen = found.relative | found.branch
    if mapped is not None:
        chosen |= block.known & ((found.displacement_size >= _ADDRESS) | (found.immediate_size >= _ADDRESS))
    out = bytearray(code)
    targets: list[tuple[int, int, int]] = []

    def zero(first: int, size: int) -> int:
        number = int.from_bytes(out[first : first + size], "little", signed=True)
        out[first : first + size] = bytes(size)
        return number

    for row in np.flatnonzero(chosen).tolist():
        displacement = int(found.displacement[row]), int(found.displacement_size[row])
        immediate = int(found.immediate[row]), int(found.immediate_size[row])
        following = address + int(block.ends[row])
        if found.relative[row]:
            taken = bool(block.lea[row])
            width = TO_NEXT if taken else accessed(*block.texts[row]) or TO_NEXT
            targets.append((LEA if taken else MEMORY, following + zero(*displacement), width))
        elif found.branch[row]:
            targets.append((CALL if found.call[row] else BRANCH, following + zero(*immediate), TO_NEXT))
        elif mapped is not None:
            for kind, (first, size) in ((LEA, displacement), (ABSOLUTE, immediate)):
                number = int.from_bytes(code[first : first + size], "little")
                if size >= _ADDRESS and mapped(number):
                    targets.append((kind, number, TO_NEXT))
                    zero(first, size)
    return Operands(bytes(out), tuple(targets))

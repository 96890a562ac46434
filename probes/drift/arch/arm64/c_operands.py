"""The addresses in the code of C compilers: a page (ADRP) that several later instructions add to."""

from __future__ import annotations

import struct
from collections.abc import Callable

from probes.drift.arch.code import BRANCH, CALL, TO_NEXT, signed
from probes.drift.arch.operands import Operands
from probes.drift.arch.windows import LEA, MEMORY

CALLEE_SAVED = 19
"""The first register that a call keeps (AAPCS64)."""


def operands(code: bytes, address: int, mapped: Callable[[int], bool] | None) -> Operands:  # noqa: ARG001 - no absolute operands here
    """Take the addresses out of `code` (see `Architecture.c_operands`)."""
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
        distance = signed((word >> 5 & 0x7FFFF) << 2 | word >> 29 & 3, 21)
        if word >> 31:
            pages[word & 31] = (pc & ~0xFFF) + (distance << 12)
            return word & 0x9F00001F, (-1, 0, 0)
        return word & 0x9F00001F, (LEA, pc + distance, TO_NEXT)
    if word & 0x7C000000 == 0x14000000:  # B, BL
        if word >> 31:
            for register in [r for r in pages if r < CALLEE_SAVED]:
                del pages[register]
        return word & 0xFC000000, (CALL if word >> 31 else BRANCH, pc + 4 * signed(word, 26), TO_NEXT)
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

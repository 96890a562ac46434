"""References in machine code, which is not decoded, see `references`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gate.release.delta.golang.fields import BRANCH, PAIR, REL32, Found, int32

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gate.release.delta.golang.layout import Layout

    I64 = NDArray[np.int64]
    U8 = NDArray[np.uint8]

PIECE = 1 << 22
"""Bytes of code that are looked through at a time."""


def amd64(image: U8, layout: Layout) -> list[Found]:
    """Operands of calls, jumps and conditional jumps, and those that are relative to RIP."""
    start, size = layout.text
    address = int(layout.addresses(np.array([start], np.int64))[0]) - start
    if address < -start or size < 8:
        return []
    low, high = start + address, start + address + size
    out = []
    for piece in range(start, start + size, PIECE):
        last = min(piece + PIECE, start + size)
        code = image[piece : last + 8] if last + 8 <= image.size else image[piece:]
        near = code[: last - piece]
        branch = ((near & 0xFE) == 0xE8) | _conditional(near)
        relative = (near & 0xC7) == 0x05
        place = piece + 1 + np.flatnonzero(branch | relative).astype(np.int64)
        place = place[place + 4 <= start + size]
        target = place + address + 4 + int32(image, place)
        in_text = (target >= low) & (target < high)
        by_branch = branch[place - 1 - piece]
        good = np.where(by_branch & in_text, True, relative[place - 1 - piece] & ~in_text & layout.maps(target))
        # LEA of a function, which only its opcode tells from a chance: 8D before the ModRM byte.
        behind = np.maximum(place - 2, start)
        good |= relative[place - 1 - piece] & in_text & (image[behind] == 0x8D)
        out.append(Found(place[good], REL32, 0, target[good]))
    return out


def _conditional(code: U8) -> NDArray[np.bool_]:
    """Second bytes of conditional jumps with 32 bits: 0F 80 to 0F 8F."""
    out = np.zeros(code.shape, np.bool_)
    out[1:] = (code[:-1] == 0x0F) & ((code[1:] & 0xF0) == 0x80)
    return out


def arm64(image: U8, layout: Layout) -> list[Found]:
    """Branches, and pairs of an ADRP and the instruction that takes the address."""
    start, size = layout.text
    address = int(layout.addresses(np.array([start], np.int64))[0])
    if address < 0 or start % 4 or size < 8:
        return []
    words = image[start : start + size // 4 * 4].view("<u4").astype(np.int64)
    place = start + 4 * np.arange(words.size, dtype=np.int64)
    at = address + 4 * np.arange(words.size, dtype=np.int64)
    branch = np.flatnonzero((words & 0x7C000000) == 0x14000000)
    step = ((words[branch] & 0x3FFFFFF) ^ 0x2000000) - 0x2000000
    target = at[branch] + 4 * step
    good = (target >= address) & (target < address + size)
    out = [Found(place[branch][good], BRANCH, 0, target[good])]
    page = np.flatnonzero((words[:-1] & 0x9F000000) == 0x90000000)
    second = words[page + 1]
    scale = pair_scale(second)
    good = (scale >= 0) & ((second >> 5 & 31) == (words[page] & 31))
    page, second, scale = page[good], second[good], scale[good]
    target = pair_target(words[page], second, scale, at[page])
    good = layout.maps(target)
    out.append(Found(place[page][good], PAIR, 0, target[good]))
    return out


def pair_scale(second: I64) -> I64:
    """By how many bits the 12-bit offset of the instruction behind an ADRP is shifted: ADD, or a load or store; -1 for others."""
    add = (second & 0xFFC00000) == 0x91000000
    memory = (second & 0x3B000000) == 0x39000000
    vector = (second & 0x04800000) == 0x04800000  # 128 bits
    shift = np.where(vector, 4, second >> 30 & 3)
    return np.where(add, 0, np.where(memory, shift, -1))


def pair_target(first: I64, second: I64, scale: I64, at: I64) -> I64:
    """The address that an ADRP at `at` and the instruction behind it stand for."""
    step = (first >> 29 & 3) | (first >> 5 & 0x7FFFF) << 2
    step = (step ^ 0x100000) - 0x100000
    out: I64 = (at & ~0xFFF) + (step << 12) + ((second >> 10 & 0xFFF) << scale)
    return out

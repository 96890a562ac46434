"""Which instructions of two functions have to be looked at, for any architecture: two bodies walked side by side.

An architecture may do the same for many functions at once; the tests hold it against this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from probes.drift.arch.code import Code

MAX_PADS = 64
"""Instructions of padding by which two bodies may differ."""

Steps: TypeAlias = list[tuple[int, int]] | None
"""Pairs of instructions in OLD and NEW, in order; None when the operations are not the same one by one."""


def steps(pairs: Sequence[tuple[Code, Code]]) -> list[Steps]:
    """For bodies of any lengths, the pairs of instructions, padding left out."""
    return [_steps(old, new) for old, new in pairs]


def _steps(old: Code, new: Code) -> Steps:
    if not (old.valid and new.valid) or abs(len(old) - len(new)) > MAX_PADS:
        return None
    ours = [i for i in range(len(old)) if not old.is_nop(i)]
    theirs = [i for i in range(len(new)) if not new.is_nop(i)]
    if len(ours) != len(theirs):
        return None
    pairs = list(zip(ours, theirs, strict=True))
    return pairs if all(old.insn(a).shape == new.insn(b).shape for a, b in pairs) else None


def level_steps(pairs: Sequence[tuple[Code, Code, Sequence[int]]]) -> list[Steps]:
    """For bodies of one length, the instructions that hold some places, given as offsets from the entry in rising order."""
    return [_level(old, new, places) for old, new, places in pairs]


def _level(old: Code, new: Code, places: Sequence[int]) -> Steps:
    out: dict[int, int] = {}
    last = -1
    for place in places:
        if place < last:
            continue
        a = old.index_at(place)
        ours = old.insn(a)
        last = ours.offset + ours.size
        if ours.target is None and old.code[ours.offset : last] == new.code[ours.offset : last]:
            continue  # only by chance did it look like an operand
        b = new.index_at(place)
        theirs = new.insn(b)
        if (ours.offset, ours.size, ours.shape) != (theirs.offset, theirs.size, theirs.shape):
            return None
        out[a] = b
    return list(out.items())

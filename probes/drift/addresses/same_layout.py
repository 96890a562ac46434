"""The quick way for images in which nothing moved: equal code at the same address that leads to equal things.

Two builds that differ in a few constants have every function and every datum where it was. There, code whose bytes are
equal means the same without a look at its operands. Anything else (a byte of data that differs, a function that
moved) makes this way unusable, and every operand is looked at.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from probes.drift.side import Side
from probes.elf.image import I64, Image, Span
from probes.go.facts import BinaryFacts

PIECE = 1 << 20
"""Bytes."""

_UNREAD = (".note.", ".go.buildinfo", ".go.fipsinfo")
"""Sections that every build changes and no code refers to by address, but for a pointer to their start."""


def nothing_moved(old: Side, new: Side, pair: I64) -> bool:
    """Whether all functions, variables and constants of both sides have the same addresses and initial contents."""
    ours, theirs = old.module, new.module
    return (
        old.image.spans == new.image.spans
        and old.image.zero == new.image.zero
        and (ours.data, ours.bss, ours.types, ours.etypes) == (theirs.data, theirs.bss, theirs.types, theirs.etypes)
        and np.array_equal(old.text.entry, new.text.entry)
        and np.array_equal(pair, np.arange(pair.size))
        and _same_data(old.image, new.image, old.text.start, old.text.stop)
    )


def same_constants(old: BinaryFacts, new: BinaryFacts) -> bool:
    """Whether everything in both files but Go's text is the same, at the same addresses: then the types are too."""
    ours, theirs = old.module, new.module
    return (
        ours is not None
        and theirs is not None
        and old.image.spans == new.image.spans
        and (ours.text, ours.etext, ours.types, ours.etypes) == (theirs.text, theirs.etext, theirs.types, theirs.etypes)
        and _same_data(old.image, new.image, ours.text, ours.etext)
    )


def _same_data(old: Image, new: Image, start: int, stop: int) -> bool:
    """Whether everything in the file but Go's text, which runs from `start` to `stop`, is equal."""
    skipped = [s for s in old.elf.sections if s.name.startswith(_UNREAD)]
    if skipped != [s for s in new.elf.sections if s.name.startswith(_UNREAD)]:
        return False
    for span in old.spans:
        places = _differing(old, new, span)
        if span.executable:  # it may hold constants too (ld -z noseparate-code); only Go's own code may differ
            text = places - span.offset + span.start
            places = places[(text < start) | (text >= stop)]
        for section in skipped:
            places = places[(places < section.offset) | (places >= section.offset + section.size)]
        if places.size:
            return False
    return True


def _differing(old: Image, new: Image, span: Span) -> I64:
    """File offsets of the bytes of one run that differ; piece by piece, so that no copy of it is made."""
    first, last = span.offset, span.offset + span.end - span.start
    found = [
        np.flatnonzero(old.data[at : min(at + PIECE, last)] != new.data[at : min(at + PIECE, last)]) + at
        for at in range(first, last, PIECE)
    ]
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)


def same_bytes(old: Side, new: Side, rows: I64) -> npt.NDArray[np.bool_]:
    """Which of the functions `rows` have equal bytes on both sides, when nothing moved; shape (k,)."""
    changed = np.zeros(len(old.text.entry), dtype=np.bool_)
    for span in old.image.spans:
        if span.executable:
            owners = old.text.index(_differing(old.image, new.image, span) - span.offset + span.start)
            changed[owners[owners >= 0]] = True
    return ~changed[rows]

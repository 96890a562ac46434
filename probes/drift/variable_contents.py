"""Which variables of both sides hold pointers in other places, or start with another value.

All words of all variables are looked at together. Only what can be said for sure is said: a word that holds addresses on
both sides (a pointer, an interface's type, a number that could be an address) is not followed, so a variable may start
with another value and not be found. The text of strings is compared where the linker's area of string constants has it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from probes.binary.facts import BinaryFacts
from probes.binary.gcmask import PointerMasks, read_masks
from probes.binary.image import I64, U64
from probes.binary.variables import KINDS, VariableTable
from probes.drift.side import contains, distinct
from probes.errors import MalformedTable

Bools = npt.NDArray[np.bool_]

MAX_VALUE = 1 << 24
"""Larger variables, in bytes, are only compared in size."""

MAX_TEXT, MAX_TEXTS = 1 << 16, 1 << 26
"""Longer strings are not compared, and no more than so many bytes together."""

_INITIALISED = [kind in {"noptrdata", "data"} for kind in KINDS]
_POINTERS = [kind in {"data", "bss"} for kind in KINDS]
_STRINGS = ("go:string.*", "go.string.*")
_AFTER_STRINGS = ("go:func.*", "go.func.*", "go:funcdesc", "runtime.gcbits.*", "runtime.gcdata", "runtime.erodata")
"""What the linker puts behind the string constants (cmd/link/internal/ld/symtab.go), by release."""


class Contents:
    """What the variables of one side hold. `address`, `size`: shape (n,); `given`: has an initial value; `pointers`."""

    def __init__(self, facts: BinaryFacts, table: VariableTable) -> None:
        self.image = facts.image
        self.size = table.size
        self.address = table.address.view(np.int64)
        self.given: Bools = np.array(_INITIALISED)[table.kind]
        self.pointers: Bools = np.array(_POINTERS)[table.kind]
        module = facts.module
        ranges = (*module.data, *module.bss) if module is not None else ()
        self.room = sum(end - start for start, end in ranges)
        self.masks = _masks(facts)
        self.strings = _strings(facts)
        self.relocated = _relocated(facts) if facts.image.elf.dynamic else None

    def words(self, at: I64, given: Bools) -> tuple[U64, Bools]:
        """The words at `at` and whether the file says them; zero where no value is `given`."""
        offset = self.image.offsets(at, 1)
        known = ~given | ((offset >= 0) & (offset <= self.image.data.size - 8))
        unaligned = np.ndarray((max(self.image.data.size - 7, 1),), dtype="<u8", buffer=self.image.data, strides=(1,))
        return np.where(given & known, unaligned[np.where(given & known, offset, 0)], np.uint64(0)), known

    def refers(self, words: U64, at: I64) -> Bools:
        """Which of `words`, which stand at the addresses `at`, could be addresses; nil is none."""
        if self.relocated is not None:  # the loader has to know of every one
            return contains(self.relocated, at)
        out = np.zeros(words.shape, dtype=np.bool_)
        for start, end in [(span.start, span.end) for span in self.image.spans] + list(self.image.zero):
            out |= (words >= max(start, 1)) & (words <= end)
        return out


def differing(old: Contents, new: Contents, a: I64, b: I64) -> tuple[I64, I64]:
    """Which of the pairs of rows `a` of OLD and `b` of NEW, of equal size and of Go, differ in what they hold.

    Returns:
        indices in `a` of those with pointers in other places, and of those that only start with another value.
    """
    retyped = old.pointers[a] != new.pointers[b]
    size = old.size[a]
    looked = ~retyped & (size <= MAX_VALUE) & (old.given[a] | new.given[b] | old.pointers[a])
    # Variables do not share memory. Where symbols say they do, there is a limit to what is read.
    looked &= np.cumsum(np.where(looked, size, 0)) <= 2 * max(old.room, new.room)
    if old.masks is None or new.masks is None:
        return np.flatnonzero(retyped), np.zeros(0, dtype=np.int64)
    rows = np.flatnonzero(looked)
    count = (size[rows].astype(np.int64) + 7) // 8
    pair = np.repeat(rows, count)
    step = 8 * (np.arange(pair.size) - np.repeat(np.cumsum(count) - count, count))
    left, right = old.address[a[pair]] + step, new.address[b[pair]] + step
    ours, theirs = old.masks.at(left), new.masks.at(right)
    retyped[pair[ours != theirs]] = True
    before, known = old.words(left, old.given[a[pair]])
    after, also = new.words(right, new.given[b[pair]])
    rest = size[pair].astype(np.int64) - step  # of the last word, only so many bytes belong to the variable
    tail = np.uint64(8) * np.clip(8 - rest, 0, 7).astype(np.uint64)
    before, after = before << tail, after << tail
    known &= also
    changed = known & (before != after)
    changed &= ~((tail == 0) & old.refers(before, left) & new.refers(after, right))
    revalued = np.zeros(a.shape, dtype=np.bool_)
    revalued[pair[changed]] = True
    string = known[:-1] & known[1:] & (ours[:-1] == 1) & (ours[1:] == 0) & (pair[:-1] == pair[1:])
    string &= (before[1:] == after[1:]) & (before[1:] <= MAX_TEXT)
    at = np.flatnonzero(string)
    other = _other_texts(old, new, before[at], after[at], before[at + 1])
    revalued[pair[at[other]]] = True
    return np.flatnonzero(retyped), np.flatnonzero(revalued & ~retyped)


def _other_texts(old: Contents, new: Contents, left: U64, right: U64, length: U64) -> list[int]:
    """Which of the strings at `left` and `right`, both `length` bytes long, differ; those that are constants on both sides."""
    inside = (length > 0) & np.logical_and.reduce(
        [(at >= side.strings[0]) & (at + length <= side.strings[1]) for side, at in ((old, left), (new, right))]
    )
    inside &= np.cumsum(np.where(inside, length, 0)) <= MAX_TEXTS
    out = []
    for index in np.flatnonzero(inside).tolist():
        texts = [
            side.image.bytes(int(at[index]), int(length[index])).tobytes() for side, at in ((old, left), (new, right))
        ]
        if texts[0] != texts[1]:
            out.append(index)
    return out


def _masks(facts: BinaryFacts) -> PointerMasks | None:
    try:
        return read_masks(facts.image, facts.module) if facts.module is not None else None
    except MalformedTable:
        return None


def _strings(facts: BinaryFacts) -> tuple[int, int]:
    """Where the string constants are; (0, 0) when the symbols do not say."""
    symtab = facts.symtab
    if symtab is None:
        return 0, 0
    found = symtab.find(*_STRINGS, *_AFTER_STRINGS)
    start = next((int(symtab.value[found[name]]) for name in _STRINGS if name in found), 0)
    ends = [int(symtab.value[found[name]]) for name in _AFTER_STRINGS if name in found]
    end = min((value for value in ends if value > start), default=0)
    span = facts.image.span(start)
    return (start, end) if span is not None and not span.writable and end <= span.end else (0, 0)


def _relocated(facts: BinaryFacts) -> I64:
    """The addresses among Go's initialised variables at which addresses stand, sorted."""
    ranges = facts.module.data if facts.module is not None else ()
    external = np.array(list(facts.image.external), dtype=np.int64)
    pieces = [*facts.image.relocated, external]
    found = [piece[(piece >= start) & (piece < end)] for piece in pieces for start, end in ranges]
    return distinct(np.concatenate([external[:0], *found]))

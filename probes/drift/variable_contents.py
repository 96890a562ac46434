"""Whether one variable has another size, other pointers, or another initial value in NEW.

Only what can be said for sure is said. A word that holds addresses on both sides (a pointer, an interface's type, a
number that could be an address) is not followed, so a variable may start with another value and not be found; the text
behind it is compared where the linker's area of string constants holds it.
"""

from __future__ import annotations

import struct

from probes.binary.facts import BinaryFacts
from probes.binary.gcmask import PointerMasks, read_masks
from probes.binary.variables import KINDS, VariableTable
from probes.errors import MalformedTable

MAX_VALUE = 1 << 20
"""Larger variables, in bytes, are only compared in size and pointers."""

_INITIALISED = tuple(KINDS.index(kind) for kind in ("noptrdata", "data"))
_POINTERS = tuple(KINDS.index(kind) for kind in ("data", "bss"))
_STRINGS = ("go:string.*", "go.string.*")
_AFTER_STRINGS = ("go:func.*", "go.func.*", "go:funcdesc", "runtime.gcbits.*", "runtime.gcdata", "runtime.erodata")
"""What the linker puts behind the string constants (cmd/link/internal/ld/symtab.go), by release."""


class Contents:
    """What the variables of one side hold."""

    def __init__(self, facts: BinaryFacts, table: VariableTable) -> None:
        self.image = facts.image
        self.packages = table.packages
        self.address: list[int] = table.address.tolist()
        self.size: list[int] = table.size.tolist()
        self.kind: list[int] = table.kind.tolist()
        self.masks = _masks(facts)
        self.strings = _strings(facts)
        self.ends = [(s.start, s.end) for s in facts.image.spans] + list(facts.image.zero)
        self.movable = facts.image.elf.dynamic
        self.relocated = _relocated(facts) if self.movable else frozenset()

    def difference(self, new: Contents, a: int, b: int) -> tuple[str, str]:
        """What is different about variable `a` here and `b` of `new`: the field of `GlobalDrift`, and a line of detail.

        ("", "") for no difference that can be said.
        """
        if self.size[a] != new.size[b]:
            return "resized", f"{self.size[a]:,} → {new.size[b]:,} bytes"
        if "C" in (self.packages[a], new.packages[b]):
            return "", ""  # C's sections say nothing of pointers
        ours, theirs = self.kind[a] in _POINTERS, new.kind[b] in _POINTERS
        if ours != theirs:
            return "retyped", f"{self.size[a]:,} bytes, now {'with' if theirs else 'without'} pointers"
        if self.size[a] > MAX_VALUE or self.masks is None or new.masks is None:
            return "", ""
        mask = self.masks.mask(self.address[a], self.size[a]) if ours else b""
        if ours and mask.rstrip(b"\0") != new.masks.mask(new.address[b], new.size[b]).rstrip(b"\0"):
            return "retyped", f"{self.size[a]:,} bytes, now with pointers in other places"
        given = self.kind[a] in _INITIALISED or new.kind[b] in _INITIALISED
        return ("revalued", "starts with another value") if given and self._revalued(new, a, b, mask) else ("", "")

    def _revalued(self, new: Contents, a: int, b: int, mask: bytes) -> bool:
        """Whether the values that the two files give the variable differ."""
        size = self.size[a]
        ours, theirs = self.value(a), new.value(b)
        if ours is None or theirs is None:
            return False
        if ours == theirs and b"\1\0" not in mask:
            return False
        whole = size // 8
        before, after = (struct.unpack_from(f"<{whole}Q", raw) for raw in (ours, theirs))
        for at, (old, fresh) in enumerate(zip(before, after, strict=True)):
            if mask[at : at + 2] == b"\1\0" and before[at + 1] == after[at + 1]:
                if self._text(old, before[at + 1]) != new._text(fresh, after[at + 1]):
                    return True
            elif old != fresh and not (
                self.refers(old, self.address[a] + 8 * at) and new.refers(fresh, new.address[b] + 8 * at)
            ):
                return True
        return ours[8 * whole :] != theirs[8 * whole :]

    def value(self, row: int) -> bytes | None:
        """The initial value: None where the file does not hold all of it."""
        if self.kind[row] not in _INITIALISED:
            return bytes(self.size[row])
        try:
            return self.image.bytes(self.address[row], self.size[row]).tobytes()
        except MalformedTable:
            return None

    def refers(self, word: int, place: int) -> bool:
        """Whether `word`, which stands at the address `place`, could be an address; nil is none."""
        if self.movable:  # the loader has to know of every one
            return place in self.relocated
        return word > 0 and any(start <= word <= end for start, end in self.ends)

    def _text(self, address: int, length: int) -> bytes | None:
        """The text of a string; None for a pointer to anything else, which is not compared, and "" for nil."""
        start, end = self.strings
        if not address:
            return b""
        if not (start <= address and address + length <= end):
            return None
        return self.image.bytes(address, length).tobytes()


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


def _relocated(facts: BinaryFacts) -> frozenset[int]:
    """The addresses among Go's initialised variables at which addresses stand."""
    if facts.module is None:
        return frozenset()
    found = [
        piece[(piece >= start) & (piece < end)].tolist()
        for piece in facts.image.relocated
        for start, end in facts.module.data
    ]
    return frozenset(facts.image.external).union(*found)

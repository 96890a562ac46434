"""Whether the package variables of stripped programs are the same, by their places alone.

Without names, a variable is known by where it is and by the code that refers to it. No variable was added, removed, resized or
put elsewhere where the sections of variables have the same sizes, the collector's masks agree, and all code that both
sides have refers to the same offset in the same section. An edit may let a function use another variable than before;
then code that was not edited has to say that both are where they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from probes.arrays import distinct
from probes.drift.arch.architecture import architecture
from probes.drift.functions.judge import Judgement
from probes.drift.functions.scan import operands
from probes.drift.side import Side
from probes.elf.headers import SHF_ALLOC, SHF_WRITE
from probes.elf.image import I64
from probes.errors import MalformedTable
from probes.go.module.pointer_masks import read_masks

if TYPE_CHECKING:
    from probes.drift.addresses.equivalence import Equivalence
    from probes.drift.arch.code import Code

NAMES = ("noptrdata", "data", "bss", "noptrbss")
NOWHERE = -1
SHIFT = 48
"""Keys hold the section above this bit, and the offset in it below."""
MAX_MOVED = 2000
"""References to other places that are looked at."""
MAX_ALIGN = 20_000
"""Instructions of a body that is aligned with another one."""
MAX_IMMEDIATE = 4
"""Bytes of a constant behind an amd64 operand, by which a place that was found without decoding may be too low."""


class Codes(Struct, frozen=True):
    """What was found of the functions. Rows of OLD or NEW, as named.

    `judged`: pairs that were decoded; `unread`: rows of OLD that could not be; `calm`: rows of OLD whose code did not
    change; `added`: rows of NEW without a partner; `native`: why the variables of C may differ, "" when they do not.
    """

    judged: list[Judgement]
    unread: list[int]
    calm: I64
    added: I64
    native: str = ""


def why_not_kept(equivalence: Equivalence, codes: Codes) -> str:
    """Why it cannot be said that all variables are the same, with the place that speaks against it; "" when they are."""
    old, new = equivalence.old, equivalence.new
    reason = _sections(old, new) or _masks(old, new) or codes.native
    if reason:
        return reason
    if codes.unread:
        return f"{_name(old, codes.unread[0])} could not be decoded, which may refer to variables"
    needs = _Needs(equivalence)
    for reason in (_moved(equivalence, needs), _judged(equivalence, codes.judged, needs)):
        if reason:
            return reason
    for row in codes.added.tolist():
        for _, _, target in _code(new, row).targets():
            needs.new(target, row)
    _pointers(equivalence, needs)
    return needs.unmet(codes.calm)


class _Needs:
    """Places that unedited code must refer to on both sides, by key, each with the row in NEW of who needs it (-1: data)."""

    def __init__(self, equivalence: Equivalence) -> None:
        self.equivalence = equivalence
        self.wanted: dict[int, int] = {}
        self.met: set[int] = set()
        """Places that edited code refers to in the same way on both sides."""
        self.edited: set[int] = set()
        """Rows of OLD whose references are no evidence: they lead elsewhere."""

    def pair(self, old: int, new: int, row: int, old_row: int = -1) -> None:
        """A reference at the same place of both sides, from the function `row` of NEW."""
        ours, theirs = _key(self.equivalence.old, old), _key(self.equivalence.new, new)
        if ours == theirs:
            self.met.add(ours)
            return
        self.edited.add(old_row)
        for key in (ours, theirs):
            if key != NOWHERE:
                self.wanted.setdefault(key, row)

    def new(self, address: int, row: int) -> None:
        """A reference that only NEW has."""
        key = _key(self.equivalence.new, address)
        if key != NOWHERE:
            self.wanted.setdefault(key, row)

    def unmet(self, calm: I64) -> str:
        """The first place that no unedited function refers to; "" when all are met."""
        old = self.equivalence.old
        starts = _starts(old)
        open_keys = self.wanted.keys() - self.met
        places = {int(starts[key >> SHIFT]) + (key & (1 << SHIFT) - 1): key for key in open_keys}
        if not places:
            return ""
        rows = calm[~np.isin(calm, np.array(sorted(self.edited), dtype=np.int64))]
        wanted = np.array(sorted(places), dtype=np.int64)
        lower = distinct((wanted[:, None] - np.arange(MAX_IMMEDIATE + 1)).ravel())
        missing = dict.fromkeys(places)
        looked: set[int] = set()
        for address, row in operands(old, rows, lower):
            if row in looked or not any(address <= place <= address + MAX_IMMEDIATE for place in missing):
                continue
            looked.add(row)
            for _, _, target in _code(old, row).targets():
                missing.pop(target, None)
            if not missing:
                return ""
        if not missing:
            return ""
        key = places[min(missing)]
        who = self.wanted[key]
        name = _name(self.equivalence.new, who) if who >= 0 else "a pointer among the data"
        place = f"{NAMES[key >> SHIFT]}{(key & (1 << SHIFT) - 1):+#x}"
        return f"{name} refers to {place} in NEW, where no unchanged code says that the same variable is"


def _sections(old: Side, new: Side) -> str:
    """Which section of variables has another size."""
    ours, theirs = ((*side.module.data, *side.module.bss) for side in (old, new))
    for name, (start, end), (first, last) in zip(NAMES, ours, theirs, strict=True):
        if end - start != last - first:
            return f"the section {name} has {end - start:,} bytes in OLD and {last - first:,} in NEW"
    sizes = [
        {
            s.name: s.size
            for s in side.image.elf.sections
            if s.flags & (SHF_ALLOC | SHF_WRITE) == SHF_ALLOC | SHF_WRITE
            and s.name in {".data", ".bss", ".tdata", ".tbss"}
        }
        for side in (old, new)
    ]
    for name in sorted(sizes[0].keys() | sizes[1].keys()):
        if sizes[0].get(name) != sizes[1].get(name):
            return f"the section {name} has {sizes[0].get(name, 0):,} bytes in OLD and {sizes[1].get(name, 0):,} in NEW"
    return ""


def _masks(old: Side, new: Side) -> str:
    try:
        ours, theirs = (read_masks(side.image, side.module) for side in (old, new))
    except MalformedTable as exc:
        return exc.what
    for name, a, b in zip(("data", "bss"), ours.bits, theirs.bits, strict=True):
        size = max(a.size, b.size)
        places = np.flatnonzero(np.pad(a, (0, size - a.size)) != np.pad(b, (0, size - b.size)))
        if places.size:
            return f"the word at {name}{8 * int(places[0]):+#x} holds a pointer on one side alone"
    return ""


def _moved(equivalence: Equivalence, needs: _Needs) -> str:
    """References of unedited functions that lead to other places: by chance only, or some function says so when decoded."""
    if equivalence.unmoved:
        return ""
    pairs = equivalence.correspondence.old, equivalence.correspondence.new
    at = np.flatnonzero(_keys(equivalence.old, pairs[0]) != _keys(equivalence.new, pairs[1]))
    if at.size > MAX_MOVED:
        return f"{at.size:,} references lead to other places"
    addresses, rows = equivalence.users
    back = np.full(len(equivalence.new.table), -1, dtype=np.int64)
    paired = np.flatnonzero(equivalence.pair >= 0)
    back[equivalence.pair[paired]] = paired
    for here, there in zip(pairs[0][at].tolist(), pairs[1][at].tolist(), strict=True):
        for row in distinct(rows[addresses == there]).tolist():
            ours = [t for _, _, t in _code(equivalence.old, int(back[row])).targets()] if back[row] >= 0 else []
            for (_, _, target), before in zip(_code(equivalence.new, row).targets(), ours, strict=False):
                if there <= target <= there + MAX_IMMEDIATE and before - here == target - there:
                    needs.pair(before, target, row, int(back[row]))
    return ""


def _judged(equivalence: Equivalence, judged: Iterable[Judgement], needs: _Needs) -> str:
    """References of functions that were decoded."""
    for found in judged:
        if not found.decoded:
            return f"{_name(equivalence.new, found.new_row)} could not be decoded, which may refer to variables"
        if found.lockstep:
            for each in found.references:
                needs.pair(each.old, each.new, found.new_row, found.old_row)
            continue
        ours, theirs = list(found.old.targets()), list(found.new.targets())
        if max(len(found.old), len(found.new)) > MAX_ALIGN:
            return f"{_name(equivalence.new, found.new_row)} is too long to be aligned"
        aligned = dict(_aligned(found))
        before = {index: target for index, _, target in ours}
        needs.edited.add(found.old_row)
        for index, _, target in theirs:
            partner = before.get(aligned.get(index, -1))
            if partner is None:
                needs.new(target, found.new_row)
            else:
                needs.pair(partner, target, found.new_row, found.old_row)
    return ""


def _aligned(found: Judgement) -> Iterator[tuple[int, int]]:
    """(index in NEW, index in OLD) of the instructions that do the same at the same place of the bodies."""
    ours, theirs = (list(map(tuple, code.outline()[1].tolist())) for code in (found.old, found.new))
    matcher = SequenceMatcher(None, ours, theirs, autojunk=len(ours) > 500)
    for a, b, size in matcher.get_matching_blocks():
        for step in range(size):
            yield b + step, a + step


def _pointers(equivalence: Equivalence, needs: _Needs) -> None:
    """Pointers in initialised variables to other variables."""
    old, new = equivalence.old, equivalence.new
    start, end = old.module.data[1]
    at = np.arange(-(-start // 8) * 8, end - 7, 8, dtype=np.int64)
    x = old.words_at(at).view(np.int64)
    y = new.words_at(at - start + new.module.data[1][0]).view(np.int64)
    ours, theirs = _keys(old, x), _keys(new, y)
    odd = np.flatnonzero((ours != theirs) & (read_masks(old.image, old.module).at(at) == 1))
    for before, after in zip(x[odd].tolist(), y[odd].tolist(), strict=True):
        needs.pair(before, after, NOWHERE)


def _starts(side: Side) -> I64:
    return np.array([start for start, _ in (*side.module.data, *side.module.bss)], dtype=np.int64)


def _keys(side: Side, addresses: I64) -> npt.NDArray[np.int64]:
    """Section and offset of each address; `NOWHERE` outside of the variables."""
    out = np.full(addresses.shape, NOWHERE, dtype=np.int64)
    for number, (start, end) in enumerate((*side.module.data, *side.module.bss)):
        inside = (addresses >= start) & (addresses < end)
        out[inside] = (number << SHIFT) + addresses[inside] - start
    return out


def _key(side: Side, address: int) -> int:
    for number, (start, end) in enumerate((*side.module.data, *side.module.bss)):
        if start <= address < end:
            return (number << SHIFT) + address - start
    return NOWHERE


def _code(side: Side, row: int) -> Code:
    entry, size = int(side.text.entry[row]), int(side.text.size[row])
    return architecture(side.image.arch).code(side.image.bytes(entry, size).tobytes(), entry)


def _name(side: Side, row: int) -> str:
    return side.table.names[row] if row >= 0 else "a pointer among the data"

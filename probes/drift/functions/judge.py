"""Decide by decoding: did the code of a pair of functions change, and where?

The arch knows where operands are. Where two bodies are equally long, only the instructions at suspicious places are
examined: everywhere else the bytes are equal and every possible operand means the same. Other bodies are walked in
lockstep, their addresses replaced by what they mean, or differ by structure.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from msgspec import Struct

from probes.drift.addresses.bytes_read import DICTIONARY, Duff, bytes_read
from probes.drift.addresses.descriptors import type_size
from probes.drift.addresses.equivalence import ENOUGH, Equivalence
from probes.drift.addresses.literals import like_dictionary
from probes.drift.arch.architecture import Architecture, architecture
from probes.drift.arch.code import BRANCH, CALL, TO_NEXT, Code, Insn, chosen_length, signed, string_length
from probes.drift.arch.windows import CODE, LEA
from probes.drift.side import NOWHERE, READONLY, TEXT, Side
from probes.elf.image import I64

SHAPED = "[go.shape."
"""In the names of functions that several instances share."""
TOGETHER = 16
"""Pairs of instructions from which on constants are compared all at once."""
MAX_ARGUMENTS = 24
"""Instructions that set a call's arguments that are looked at."""


class Reference(Struct):
    """The same operand on both sides, to be resolved: addresses, the instructions' indices, and the bytes used."""

    old: int
    new: int
    old_index: int
    new_index: int
    kind: int
    old_need: int
    new_need: int
    sure: int = 1
    """Bytes that are used for certain, where `old_need` and `new_need` say that their number is not known."""
    same: bool = False
    doubtful: bool = False
    """Nothing that is certainly used differs, but something that may be."""
    maybe_constant: bool = False
    """An absolute address may as well be a plain number: if it does not resolve, it is one."""

    @property
    def need(self) -> int:
        """Bytes used on either side; negative as in `reads`."""
        return max(self.old_need, self.new_need)

    @property
    def unsized(self) -> bool:
        """Whether nothing tells how long the constant is whose address is taken."""
        return self.kind == LEA and self.need in {-1, TO_NEXT}


class Judgement(Struct):
    """What decoding says of one pair.

    `lockstep`: the same operations one by one. `constants`: index pairs of instructions whose constants differ; `jumps`:
    of those that jump elsewhere in the function. `references`: every examined operand that is an address.
    """

    old_row: int
    new_row: int
    old: Code
    new: Code
    lockstep: bool = False
    constants: list[tuple[int, int]] = []
    jumps: list[tuple[int, int]] = []
    references: list[Reference] = []

    @property
    def decoded(self) -> bool:
        """Whether both sides are valid code throughout."""
        return self.old.valid and self.new.valid

    @property
    def doubtful(self) -> bool:
        """Whether something may mean something else, and nothing is known to."""
        return not self.changed and any(r.doubtful for r in self.references)

    @property
    def changed(self) -> bool:
        """Whether the code means something else."""
        return not self.lockstep or bool(self.constants or self.jumps) or any(not r.same for r in self.references)


def judge(equivalence: Equivalence, pairs: Iterable[tuple[int, int, list[int] | None]]) -> list[Judgement]:
    """Decode pairs of functions and resolve all of their operands together.

    Args:
        equivalence: which addresses stand for the same.
        pairs: row in OLD, row in NEW, and the suspicious places as offsets from the entry, for equally long bodies;
            None examines everything.
    """
    arch = architecture(equivalence.old.image.arch)
    out, resized, level = [], [], []
    for old_row, new_row, places in pairs:
        found = Judgement(
            old_row, new_row, _decode(equivalence.old, old_row, arch), _decode(equivalence.new, new_row, arch)
        )
        out.append(found)
        if places is None:
            resized.append(found)
        else:
            level.append((found, places))
    steps = arch.steps([(found.old, found.new) for found in resized])
    steps += arch.level_steps([(found.old, found.new, places) for found, places in level])
    for found, looked_at in zip([*resized, *(found for found, _ in level)], steps, strict=True):
        found.lockstep = looked_at is not None
        for a, b in _with_addresses(equivalence, found, looked_at or []):
            _examine(equivalence, found, a, b, arch)
        # What was found at once and what one by one, in the order of the code.
        found.constants.sort()
        found.references.sort(key=lambda reference: reference.old_index)
    references = [r for j in out for r in j.references]
    _resolve(equivalence, references)
    unsure = [r for r in references if r.unsized and (r.doubtful or not r.same)]
    if unsure and _note_starts(equivalence, out):
        for reference in unsure:
            reference.doubtful = False
        _resolve(equivalence, unsure)
    for found in out:
        found.constants += [(r.old_index, r.new_index) for r in found.references if r.maybe_constant and not r.same]
        found.references = [r for r in found.references if not (r.maybe_constant and not r.same)]
    return out


def _note_starts(equivalence: Equivalence, judged: list[Judgement]) -> bool:
    """Note what functions of another structure take the address of: a constant ends where such a thing begins.

    False when there is nothing to note.
    """
    taken: tuple[list[I64], list[I64]] = [], []
    apart = [found for found in judged if not found.lockstep]
    for found in apart:
        taken[0].append(found.old.taken())
        taken[1].append(found.new.taken())
    old, new = (np.concatenate([np.zeros(0, dtype=np.int64), *addresses]) for addresses in taken)
    equivalence.note_starts(old, new)
    return bool(old.size or new.size)


def _decode(side: Side, row: int, arch: Architecture) -> Code:
    entry, size = int(side.text.entry[row]), int(side.text.size[row])
    return arch.code(side.image.bytes(entry, size).tobytes(), entry)


def _with_addresses(
    equivalence: Equivalence, found: Judgement, looked_at: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Note the pairs of instructions whose constants alone differ, where there are many; those that remain to be examined."""
    if len(looked_at) < TOGETHER:
        return looked_at
    pairs = np.array(looked_at, dtype=np.int64)
    ours, theirs = found.old.constants(pairs[:, 0]), found.new.constants(pairs[:, 1])
    if ours is None or theirs is None:
        return looked_at
    plain = (ours.count >= 0) & (theirs.count >= 0)
    first = (ours.count == theirs.count) & (ours.first == theirs.first)
    differ = plain & ~(first & (ours.last == theirs.last))
    absolute = differ & first & (ours.count > 0)
    if equivalence.old.image.elf.dynamic:
        absolute[:] = False
    absolute &= equivalence.old.image.maps(ours.last) & equivalence.new.image.maps(theirs.last)
    found.constants += map(tuple, pairs[differ & ~absolute].tolist())
    return list(map(tuple, pairs[~plain | absolute].tolist()))


def _examine(equivalence: Equivalence, found: Judgement, old_index: int, new_index: int, arch: Architecture) -> None:
    a, b = found.old.insn(old_index), found.new.insn(new_index)
    if a.constants != b.constants:
        if _absolute(equivalence, a, b):
            found.references.append(
                Reference(a.constants[-1], b.constants[-1], old_index, new_index, LEA, 8, 8, maybe_constant=True)
            )
        else:
            found.constants.append((old_index, new_index))
    if a.target is None or b.target is None:
        return
    if a.kind in {BRANCH, CALL}:
        here, there = a.target - found.old.address, b.target - found.new.address
        inside = 0 <= here < len(found.old.code), 0 <= there < len(found.new.code)
        if all(inside):
            if not _same_place(found, here, there):
                found.jumps.append((old_index, new_index))
            return
        old_need = new_need = -1
    elif a.kind == LEA:
        old_need, sure = _used(equivalence.old, found.old, old_index, arch)
        new_need, also = _used(equivalence.new, found.new, new_index, arch)
        reference = Reference(a.target, b.target, old_index, new_index, a.kind, old_need, new_need, max(sure, also))
        found.references.append(reference)
        return
    else:
        # What reads an unknown number of bytes reads at least one, and at most as far as a table.
        old_need, new_need = a.width or TO_NEXT, b.width or TO_NEXT
    found.references.append(Reference(a.target, b.target, old_index, new_index, a.kind, old_need, new_need))


def _used(side: Side, code: Code, index: int, arch: Architecture) -> tuple[int, int]:
    """Bytes used of what instruction `index` takes the address of, and how many of them for certain.

    A string's length, what is copied, or the size of an interface's data; `TO_NEXT` for a table, `DICTIONARY`, -1 when nothing tells.
    """
    read, certain = bytes_read(code, index, Duff(*side.duffcopy, *arch.duff))
    return _extent(side, code, index, arch, (read, certain)), max(read, 1)


def _extent(side: Side, code: Code, index: int, arch: Architecture, seen: tuple[int, bool]) -> int:
    if _is_dictionary(side, code, index):
        return DICTIONARY
    address = np.array([signed(code.insn(index).target or 0)], dtype=np.int64)
    begins = _begins_with(side, address)
    if begins == TEXT and not like_dictionary(side, address)[0]:
        return 8  # a function value
    length = string_length(code, index, arch.follows)
    read, certain = seen
    if length >= 0 and not certain and begins == NOWHERE:  # what begins with an address is no text
        return max(length, read)
    if certain or read > ENOUGH or read == TO_NEXT:
        return read
    for near in (index - 1, index + 1, index - 2, index + 2, index - 3):
        if code.has(near) and (insn := code.insn(near)).kind == LEA and insn.target is not None:
            size = type_size(side, insn.target)
            if size is not None:
                return size
    return chosen_length(code, index)


def _is_dictionary(side: Side, code: Code, index: int) -> bool:
    """Whether the address is the first argument of a generic function, behind the receiver of a method: its dictionary."""
    call, row = _next_call(side, code, index)
    if row < 0 or SHAPED not in side.table.names[row]:
        return False
    held = {code.insn(index).lea}
    for place in range(index + 1, call):
        effect = code.effect(place)
        copied = effect is not None and effect.source in held and (effect.multiple, effect.offset) == (1, 0)
        held = {register for register in held if not code.writes(place, register)}
        if copied and effect is not None:
            held.add(effect.target)
    if not held:
        return False
    # A function's is in the first register (AX, R0), and may be empty; a method has its receiver there, which may
    # be a string or a function, as what is in other registers.
    if side.table.names[row].endswith("]"):
        return 0 in held
    address = np.array([signed(code.insn(index).target or 0)], dtype=np.int64)
    begins = _begins_with(side, address)
    return begins == READONLY or (begins == TEXT and bool(like_dictionary(side, address)[0]))


def _next_call(side: Side, code: Code, index: int) -> tuple[int, int]:
    """The first jump or call behind instruction `index`, and the row of the function that it calls; -1 for none."""
    for place in range(index + 1, index + 1 + MAX_ARGUMENTS):
        if not code.has(place):
            break
        insn = code.insn(place)
        if insn.kind in {BRANCH, CALL}:
            return place, side.table.find(insn.target or 0) if insn.kind == CALL else -1
    return -1, -1


def _begins_with(side: Side, address: I64) -> int:
    """What the word at the one `address` leads to: `READONLY`, `TEXT`, or `NOWHERE` for all else."""
    region = int(side.regions(side.words_at(address).view(np.int64))[0])
    return region if int(address[0]) % 8 == 0 and region in {READONLY, TEXT} else NOWHERE


def _same_place(found: Judgement, here: int, there: int) -> bool:
    """Whether two offsets from the entries are the same instruction, counted without padding."""
    if here == there and len(found.old.code) == len(found.new.code):
        return True
    a, b = found.old.index_at(here), found.new.index_at(there)
    return a - _padding(found.old, a) == b - _padding(found.new, b)


def _padding(code: Code, stop: int) -> int:
    return sum(code.is_nop(i) for i in range(stop))


def _absolute(equivalence: Equivalence, a: Insn, b: Insn) -> bool:
    """Whether the one constant that differs could be an address: position-dependent code holds such."""
    if equivalence.old.image.elf.dynamic or a.constants[:-1] != b.constants[:-1]:
        return False
    both = a.constants[-1], b.constants[-1]
    return equivalence.old.image.mapped(both[0]) and equivalence.new.image.mapped(both[1])


def _resolve(equivalence: Equivalence, references: list[Reference]) -> None:
    if not references:
        return
    wanted: dict[tuple[int, int, int, int], int] = {}
    rows = [
        wanted.setdefault((r.old, r.new, CODE if r.kind in {BRANCH, CALL} else r.kind, r.need), len(wanted))
        for r in references
    ]
    table = np.array([[signed(number) for number in key] for key in wanted], dtype=np.int64)
    kind = table[:, 2].astype(np.uint8)
    same = equivalence.same(table[:, 0].copy(), table[:, 1].copy(), kind, table[:, 3].copy(), strict=False)
    for reference, row in zip(references, rows, strict=True):
        reference.same = bool(same[row])
    unsized = [r for r in references if r.unsized]
    _doubt(equivalence, [r for r in unsized if not r.same])
    _look_further(equivalence, [r for r in unsized if r.same and not r.doubtful])


def _look_further(equivalence: Equivalence, references: list[Reference]) -> None:
    """Where only the first bytes of a constant were compared: whether what may belong to it is the same as well."""
    if not references:
        return
    table = np.array([(signed(r.old), signed(r.new), r.kind) for r in references], dtype=np.int64)
    old, new = table[:, 0].copy(), table[:, 1].copy()
    constant = (equivalence.old.regions(old) == READONLY) & (equivalence.new.regions(new) == READONLY)
    rows = np.flatnonzero(constant & (equivalence.reach(old, new) > ENOUGH))
    kind, need = table[rows, 2].astype(np.uint8), np.full(rows.shape, TO_NEXT, dtype=np.int64)
    for row in rows[~equivalence.constants(old[rows], new[rows], kind, need, strict=False)].tolist():
        references[row].doubtful = True


def _doubt(equivalence: Equivalence, references: list[Reference]) -> None:
    """Tell what surely differs from what may only differ, where the length of a constant is not known."""
    if not references:
        return
    table = np.array([(signed(r.old), signed(r.new), r.kind, r.sure) for r in references], dtype=np.int64)
    old, new = table[:, 0].copy(), table[:, 1].copy()
    constant = (equivalence.old.regions(old) == READONLY) & (equivalence.new.regions(new) == READONLY)
    rows = np.flatnonzero(constant & ~equivalence.ends_alike(old, new))
    kind, sure = table[rows, 2].astype(np.uint8), np.maximum(table[rows, 3], equivalence.aligned(old[rows], new[rows]))
    sure = np.maximum(sure, equivalence.text(old[rows], new[rows]))
    for row in rows[equivalence.constants(old[rows], new[rows], kind, sure, strict=False)].tolist():
        references[row].same = references[row].doubtful = True

"""Say in one line what changed in a function."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from difflib import SequenceMatcher

import numpy as np
from msgspec import Struct

from probes.drift.addresses.describe import anything_at, function_at, number_at, quoted, text_at, type_at
from probes.drift.addresses.equivalence import Equivalence
from probes.drift.arch.architecture import architecture
from probes.drift.arch.code import BRANCH, CALL, Code, string_length
from probes.drift.arch.windows import LEA, MEMORY
from probes.drift.functions.judge import TOGETHER, Judgement, Reference
from probes.drift.side import Side
from probes.elf.image import U64

MAX_PARTS = 3
_FACTORS = np.frombuffer(os.urandom(16), dtype="<u8") | np.uint64(1)
MAX_ALIGN, MAX_MIDDLE = 2000, 400
"""Instructions on one side up to which two versions are aligned, in all and between what is the same at both ends; beyond
that only their contents are counted."""


class Explanation(Struct, frozen=True):
    """`detail`: one line. `old_places`, `new_places`: offsets from the entries of the instructions that differ."""

    detail: str
    old_places: tuple[int, ...]
    new_places: tuple[int, ...]


def explain(equivalence: Equivalence, found: Judgement, *, brief: bool = False) -> Explanation:
    """Explain one changed pair; `brief`: where two bodies differ by structure, say no more than that."""
    old_size, new_size = int(equivalence.old.text.size[found.old_row]), int(equivalence.new.text.size[found.new_row])
    if found.lockstep:
        return _lockstep(equivalence, found)
    if brief or not found.decoded:
        return Explanation(_sizes(old_size, new_size) or "other instructions", (), ())
    return _structure(equivalence, found, _sizes(old_size, new_size))


def _sizes(old: int, new: int) -> str:
    return f"resized {old} → {new} bytes" if old != new else ""


def _lockstep(equivalence: Equivalence, found: Judgement) -> Explanation:
    parts: list[str] = []
    differing = [r for r in found.references if not r.same]
    places = sorted({*found.constants, *found.jumps, *((r.old_index, r.new_index) for r in differing)})
    lengths: set[int] = set()
    for reference in differing:
        parts.append(_reference(equivalence, reference, found))
        if reference.old_need != reference.new_need:
            lengths |= {reference.old_need, reference.new_need}
    for framed, before, after in _constants(found):
        if not (lengths and {before, after} <= lengths):
            parts.append(f"{'stack slot' if framed else 'constant'} {_number(before)} → {_number(after)}")
    if not parts and found.jumps:
        parts.append(f"{len(found.jumps)} jumps lead elsewhere" if len(found.jumps) > 1 else "a jump leads elsewhere")
    return Explanation(
        _join(parts),
        tuple(found.old.offset(i) for i, _ in places),
        tuple(found.new.offset(i) for _, i in places),
    )


def _constants(found: Judgement) -> list[tuple[bool, int, int]]:
    """The constants that differ, each once: whether it is a place on the stack, in OLD, and in NEW."""
    if len(found.constants) >= TOGETHER:
        pairs = np.array(found.constants, dtype=np.int64)
        ours, theirs = found.old.constants(pairs[:, 0]), found.new.constants(pairs[:, 1])
        if ours is not None and theirs is not None and bool((ours.count >= 0).all() and (theirs.count >= 0).all()):
            alone = ours.count == 1
            framed = np.zeros(alone.shape, dtype=np.bool_)
            framed[alone] = found.old.framed(pairs[alone, 0])
            flat = [np.stack(each, axis=1).ravel() for each in ((ours.first, ours.last), (theirs.first, theirs.last))]
            differ = flat[0] != flat[1]
            columns = np.repeat(framed, 2)[differ].tolist(), flat[0][differ].tolist(), flat[1][differ].tolist()
            return list(dict.fromkeys(zip(*columns, strict=True)))
    out: dict[tuple[bool, int, int], None] = {}
    for old_index, new_index in found.constants:
        a, b = found.old.insn(old_index), found.new.insn(new_index)
        for before, after in zip(a.constants, b.constants, strict=True):
            if before != after:
                out[a.frame and len(a.constants) == 1, before, after] = None
    return list(out)


def _number(value: int) -> str:
    return str(value) if abs(value) < 1 << 20 else hex(value)


def _join(parts: list[str]) -> str:
    distinct = list(dict.fromkeys(parts))
    more = f", and {len(distinct) - MAX_PARTS} more" if len(distinct) > MAX_PARTS else ""
    return ", ".join(distinct[:MAX_PARTS]) + more


def _reference(equivalence: Equivalence, reference: Reference, found: Judgement) -> str:
    if reference.kind in {CALL, BRANCH}:
        verb = "calls" if reference.kind == CALL else "jumps to"
        return f"{verb} {anything_at(equivalence.new, reference.new)} instead of {anything_at(equivalence.old, reference.old)}"
    ours, theirs = type_at(equivalence.old, reference.old), type_at(equivalence.new, reference.new)
    if ours and theirs:
        return f"type {ours} → {theirs}"
    return _string(equivalence, reference) or _function(equivalence, reference) or _data(equivalence, reference, found)


def _string(equivalence: Equivalence, reference: Reference) -> str | None:
    if reference.kind != LEA:
        return None
    before = text_at(equivalence.old, reference.old, reference.old_need)
    after = text_at(equivalence.new, reference.new, reference.new_need)
    if not before or not after:
        return None
    return _texts(equivalence, reference) if before == after else f"string {before} → {after}"


def _function(equivalence: Equivalence, reference: Reference) -> str | None:
    before, after = function_at(equivalence.old, reference.old), function_at(equivalence.new, reference.new)
    return f"function {before} → {after}" if before and after else None


def _data(equivalence: Equivalence, reference: Reference, found: Judgement) -> str:
    a, b = found.old.insn(reference.old_index), found.new.insn(reference.new_index)
    if reference.kind == MEMORY and a.is_float:
        numbers = number_at(equivalence.old, reference.old, a.width), number_at(equivalence.new, reference.new, b.width)
        if all(numbers) and numbers[0] != numbers[1]:
            return f"constant {numbers[0]} → {numbers[1]}"
    before, after = anything_at(equivalence.old, reference.old), anything_at(equivalence.new, reference.new)
    if before != after:
        return f"uses {after} instead of {before}"
    return "uses another variable" if before == "a variable" else "constant data changed"


def _texts(equivalence: Equivalence, reference: Reference) -> str:
    """Two strings that differ only past what is shown: show them from where they differ."""
    length = min(reference.old_need, reference.new_need)
    a = equivalence.old.image.bytes(reference.old, length).tobytes()
    b = equivalence.new.image.bytes(reference.new, length).tobytes()
    at = next((i for i in range(length) if a[i] != b[i]), 0)
    first = max(at - 8, 0)
    left, right = (t[first : first + 32].decode("utf-8", "replace") for t in (a, b))
    return f"string of {length} bytes differs at byte {at}: {quoted(left)} → {quoted(right)}"


def _structure(equivalence: Equivalence, found: Judgement, sizes: str) -> Explanation:
    ours, theirs = _uses(equivalence.old, found.old_row, found.old), _uses(equivalence.new, found.new_row, found.new)
    before = _names(ours.calls, lambda address: _name_in_new(equivalence, address))
    after = _names(theirs.calls, lambda address: function_at(equivalence.new, address))
    parts = [sizes] if sizes else []
    if gained := list((after - before).elements()):
        parts.append(_list(gained, "new call", "new calls"))
    if strings := _new_strings(equivalence, found, ours, theirs):
        parts.append(_list(strings, "new string", "new strings"))
    if lost := list((before - after).elements()):
        parts.append(_list(lost, "call removed", "calls removed"))
    places = _changed_places(found.old, found.new)
    if len(parts) == bool(sizes):
        count = max(len(places[0]), len(places[1]))
        parts.append(f"{count} instruction{'s' if count != 1 else ''} changed" if count else "instructions changed")
    return Explanation(", ".join(parts), *places)


class _Uses(Struct, frozen=True):
    """What a body calls, by address, and the first bytes of whatever else it takes the address of, with the places."""

    calls: Counter[int]
    data: dict[bytes, list[int]]


def _uses(side: Side, row: int, code: Code) -> _Uses:
    own, size = int(side.text.entry[row]), side.table.size(row)
    out = _Uses(Counter(), {})
    for index, kind, target in code.targets():
        if kind == CALL or (kind == BRANCH and not own <= target < own + size):
            out.calls[target] += 1
        elif kind == LEA and (span := side.image.span(target)) is not None:
            first = span.offset + target - span.start
            out.data.setdefault(bytes(side.image.buffer[first : first + 16]), []).append(index)
    return out


def _names(calls: Counter[int], name: Callable[[int], str | None]) -> Counter[str]:
    out: Counter[str] = Counter()
    for address, count in calls.items():
        out[name(address) or "native code"] += count
    return out


def _new_strings(equivalence: Equivalence, found: Judgement, ours: _Uses, theirs: _Uses) -> list[str]:
    """Texts that NEW takes more often than OLD does. Lengths are only looked for where the first bytes differ."""
    after = _texts_of(equivalence.new, found.new, theirs, ours)
    return list((after - _texts_of(equivalence.old, found.old, ours, theirs)).elements()) if after else []


def _texts_of(side: Side, code: Code, uses: _Uses, other: _Uses) -> Counter[str]:
    follows = architecture(side.image.arch).follows
    out: Counter[str] = Counter()
    for key, places in uses.data.items():
        for index in places[len(other.data.get(key, ())) :]:
            text = text_at(side, code.insn(index).target or 0, string_length(code, index, follows))
            if text:
                out[text] += 1
    return out


def _list(names: list[str], one: str, many: str) -> str:
    distinct = list(dict.fromkeys(names))
    shown = ", ".join(distinct[:MAX_PARTS]) + (", …" if len(distinct) > MAX_PARTS else "")
    return f"{len(names)} {one if len(names) == 1 else many} ({shown})"


def _name_in_new(equivalence: Equivalence, address: int) -> str | None:
    """The function of OLD at `address`, by the name that it has in NEW."""
    name = function_at(equivalence.old, address)
    row = equivalence.old.text.find(address)
    if name and row >= 0 and int(equivalence.pair[row]) >= 0:
        suffix = name[len(equivalence.old.table.names[row]) :]
        return equivalence.new.table.names[int(equivalence.pair[row])] + suffix
    return name


def _changed_places(old: Code, new: Code) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Offsets of the instructions that an alignment of the two bodies leaves unpaired."""
    if max(len(old), len(new)) > MAX_ALIGN:
        return (), ()
    (before, ours), (after, theirs) = old.outline(), new.outline()
    first = _common(ours, theirs)
    last = _common(ours[first:][::-1], theirs[first:][::-1])
    before, after = before[first : len(before) - last], after[first : len(after) - last]
    if max(before.size, after.size) > MAX_MIDDLE:
        return (), ()
    middle = [_mixed(keys[first : len(keys) - last]) for keys in (ours, theirs)]
    left: list[int] = []
    right: list[int] = []
    for tag, a, b, c, d in SequenceMatcher(None, middle[0], middle[1], autojunk=False).get_opcodes():
        if tag != "equal":
            left += before[a:b].tolist()
            right += after[c:d].tolist()
    return tuple(left), tuple(right)


def _mixed(keys: U64) -> list[int]:
    """A number for each instruction: equal where its words are, and, but for a chance of 2 to the -64, nowhere else."""
    out = keys[:, 0] * _FACTORS[0]
    for word, factor in zip(keys.T[1:], _FACTORS[1:], strict=False):
        out = (out ^ (out >> np.uint64(32))) * factor + word
    return list(out.tolist())


def _common(ours: U64, theirs: U64) -> int:
    """How many instructions at the beginning are the same: most edits leave most of a function alone."""
    size = min(len(ours), len(theirs))
    differ = (ours[:size] != theirs[:size]).any(axis=1)
    return int(differ.argmax()) if differ.any() else size


def prepare(equivalence: Equivalence, found: list[Judgement]) -> None:
    """Look at all of `found` at once, which costs less, before they are explained one by one."""
    codes = [code for each in found if not each.lockstep and each.decoded for code in (each.old, each.new)]
    architecture(equivalence.old.image.arch).outline([code for code in codes if len(code) <= MAX_ALIGN])

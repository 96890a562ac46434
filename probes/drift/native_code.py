"""The code that C compilers made: what cgo links into the program beside Go's text, paired and compared.

Go's function table knows nothing of it. Functions come from the symbol table, or from the unwind table of a stripped
file; there they have no names and are paired by what they hold, then by their order.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt

from probes.binary.image import I64
from probes.drift.facts import ChangeKind, FunctionChange, FunctionRef
from probes.drift.insn import BRANCH, CALL
from probes.drift.meaning import Meaning
from probes.drift.native_functions import NativeFunction, native_functions
from probes.drift.operands import Operands, operands
from probes.drift.side import FOREIGN, READONLY, Side
from probes.drift.windows import LEA, MEMORY
from probes.records import dataclass

PACKAGE = "C"
MAX_BYTES = 32 << 20
MAX_CASES = 1024
STUB = 16
"""Bytes of an entry of the PLT on both architectures."""


@dataclass(frozen=True, slots=True)
class NativeCode:
    """What became of the C functions. Counts as in `FunctionDrift`; `undecided`: what could not be compared."""

    old: int = 0
    new: int = 0
    matched: int = 0
    identical: int = 0
    moved: int = 0
    added: tuple[FunctionRef, ...] = ()
    removed: tuple[FunctionRef, ...] = ()
    changed: tuple[FunctionChange, ...] = ()
    undecided: tuple[str, ...] = ()


def compare_native(meaning: Meaning) -> NativeCode:
    """Compare the C functions of both sides."""
    ours, theirs = native_functions(meaning.old), native_functions(meaning.new)
    if ours is None or theirs is None:
        return NativeCode(undecided=("C code of a stripped file without an unwind table",))
    if not ours and not theirs:
        return NativeCode()
    if sum(f.end - f.start for f in (*ours, *theirs)) > MAX_BYTES:
        return NativeCode(undecided=(f"C code of more than {MAX_BYTES >> 20} MB",))
    return _Comparison(meaning, ours, theirs).result()


_Question = tuple[int, int, int, int]
"""(kind, address in OLD, address in NEW, bytes used)."""


def _said_of(question: _Question) -> str:
    return "calls another function" if question[0] in {BRANCH, CALL} else "uses other data"


def _one(address: int) -> I64:
    return np.array([address], dtype=np.int64)


class _Comparison:
    def __init__(self, meaning: Meaning, ours: list[NativeFunction], theirs: list[NativeFunction]) -> None:
        self.meaning, self.ours, self.theirs = meaning, ours, theirs
        self.code = [self._operands(meaning.old, f) for f in ours], [self._operands(meaning.new, f) for f in theirs]
        self.pairs = self._pair()
        self.starts = (
            np.array([f.start for f in ours], dtype=np.int64),
            np.array([f.start for f in theirs], dtype=np.int64),
        )
        meaning.foreign = self._same_code

    def _operands(self, side: Side, function: NativeFunction) -> Operands:
        absolute = None if side.image.elf.dynamic else side.image.mapped
        return operands(self._bytes(side, function), function.start, side.image.arch, absolute)

    @staticmethod
    def _bytes(side: Side, function: NativeFunction) -> bytes:
        return side.image.bytes(function.start, function.end - function.start).tobytes()

    def _pair(self) -> dict[int, int]:
        """Index in OLD -> index in NEW: by name and body, then by name, each in order of address."""
        out: dict[int, int] = {}
        taken: set[int] = set()
        for exact in (True, False):
            free: dict[tuple[str, bytes], list[int]] = defaultdict(list)
            for j in range(len(self.theirs) - 1, -1, -1):
                if j not in taken:
                    free[self.theirs[j].name, self.code[1][j].bare if exact else b""].append(j)
            for i, function in enumerate(self.ours):
                if i not in out and (rest := free.get((function.name, self.code[0][i].bare if exact else b""))):
                    out[i] = rest.pop()
                    taken.add(out[i])
        return out

    def result(self) -> NativeCode:
        details: dict[int, str] = {}
        asked: dict[_Question, list[int]] = defaultdict(list)
        for i, j in self.pairs.items():
            detail, questions = self._difference(i, j)
            if detail:
                details[i] = detail
            for question in questions:
                asked[question].append(i)
        for question in self._answered_no(list(asked)):
            for i in asked[question]:
                details.setdefault(i, _said_of(question))
        changed, identical, moved = self._count(details)
        back = set(self.pairs.values())
        return NativeCode(
            len(self.ours),
            len(self.theirs),
            len(self.pairs),
            identical,
            moved,
            added=tuple(self._ref(f, j) for j, f in enumerate(self.theirs) if j not in back),
            removed=tuple(self._ref(f, i) for i, f in enumerate(self.ours) if i not in self.pairs),
            changed=tuple(changed),
        )

    def _count(self, details: dict[int, str]) -> tuple[list[FunctionChange], int, int]:
        """(the changed functions, how many are identical, how many moved)."""
        changed: list[FunctionChange] = []
        identical = moved = 0
        for i, j in sorted(self.pairs.items()):
            a, b = self.ours[i], self.theirs[j]
            sizes = a.end - a.start, b.end - b.start
            if i in details:
                kind: ChangeKind = "body" if sizes[0] == sizes[1] else "resized"
                name = self._name(b, j)
                changed.append(FunctionChange(name, PACKAGE, kind, (), details[i], "", 0, *sizes, -1, -1))
            elif self._bytes(self.meaning.old, a) == self._bytes(self.meaning.new, b):
                identical += 1
            else:
                moved += 1
        return changed, identical, moved

    @staticmethod
    def _name(function: NativeFunction, index: int) -> str:
        return function.name or f"C function {index + 1}"

    def _ref(self, function: NativeFunction, index: int) -> FunctionRef:
        return FunctionRef(self._name(function, index), PACKAGE, "", 0, exported=False)

    def _difference(self, i: int, j: int) -> tuple[str, list[_Question]]:
        """What differs between two functions, "" when nothing is seen to, and what must still be asked."""
        a, b = self.ours[i], self.theirs[j]
        if self.meaning.unmoved and self._bytes(self.meaning.old, a) == self._bytes(self.meaning.new, b):
            return "", []
        if a.end - a.start != b.end - b.start:
            return f"resized {a.end - a.start} → {b.end - b.start} bytes", []
        old, new = self.code[0][i], self.code[1][j]
        if old.bare != new.bare or len(old.targets) != len(new.targets):
            return "other instructions or constants", []
        open_: list[_Question] = []
        for (kind, x, width), (_, y, _) in zip(old.targets, new.targets, strict=True):
            same = self._same(kind, x, y, (a, b))
            if same is None:
                open_.append((kind, x, y, width))
            elif not same:
                return _said_of((kind, x, y, width)), []
        return "", open_

    def _same(self, kind: int, x: int, y: int, own: tuple[NativeFunction, NativeFunction]) -> bool | None:
        """Whether two operands mean the same; None where it must be asked what Go's comparison knows."""
        a, b = own
        if a.start <= x < a.end or b.start <= y < b.end:
            return x - a.start == y - b.start
        if (code := self._code(x, y)) is not None:
            return code
        ours, theirs = (self._region(*each) for each in ((self.meaning.old, x), (self.meaning.new, y)))
        if ours == theirs == FOREIGN and kind in {BRANCH, CALL}:
            return self._stub(self.meaning.old, x) == self._stub(self.meaning.new, y)
        if ours == theirs == READONLY and kind == LEA:
            return self._cases(x, y, own) or None
        return None

    @staticmethod
    def _region(side: Side, address: int) -> int:
        return int(side.regions(_one(address))[0])

    def _answered_no(self, asked: list[_Question]) -> list[_Question]:
        """The questions about addresses that do not mean the same, all looked up together."""
        if not asked:
            return []
        table = np.array(asked, dtype=np.int64)
        kind, need = table[:, 0].astype(np.uint8), table[:, 3].copy()
        old, new = table[:, 1].copy(), table[:, 2].copy()
        constant = (self.meaning.old.regions(old) == READONLY) & (self.meaning.new.regions(new) == READONLY)
        self.meaning.note_starts(old[constant], new[constant])
        same = self.meaning.same(old, new, kind, need, strict=False)
        # C knows nothing of the boundaries of Go's regions.
        rows = np.flatnonzero(constant)
        same[rows] = self.meaning.constants(old[rows], new[rows], kind[rows], need[rows], strict=False)
        return [question for question, good in zip(asked, same.tolist(), strict=True) if not good]

    def _same_code(self, old: I64, new: I64) -> npt.NDArray[np.bool_]:
        """Whether pointers to C code lead to the same places, shape (k,); outside of all functions they are let be."""
        found = [self._code(x, y) is not False for x, y in zip(old.tolist(), new.tolist(), strict=True)]
        return np.array(found, dtype=np.bool_)

    def _code(self, x: int, y: int) -> bool | None:
        """Whether both are the same place of the same C function; None when neither is in one."""
        i, j = (int(np.searchsorted(s, t, side="right")) - 1 for s, t in zip(self.starts, (x, y), strict=True))
        within = i >= 0 and x < self.ours[i].end, j >= 0 and y < self.theirs[j].end
        if not any(within):
            return None
        return all(within) and self.pairs.get(i) == j and x - self.ours[i].start == y - self.theirs[j].start

    def _stub(self, side: Side, address: int) -> str | bytes:
        """What a jump to `address` outside of all functions leads to: the symbol of a PLT entry, else the entry's code."""
        code = side.image.bytes(address, STUB).tobytes()
        found = operands(code, address, side.image.arch, None)
        slots = [target for kind, target, _ in found.targets if kind == MEMORY]
        return side.image.external.get(slots[0], found.bare) if slots else found.bare

    def _cases(self, x: int, y: int, own: tuple[NativeFunction, NativeFunction]) -> bool:
        """Whether both are jump tables of their functions, distances from the table to code, with the same cases."""
        tables = []
        for side, table, function in ((self.meaning.old, x, own[0]), (self.meaning.new, y, own[1])):
            words = side.unaligned[side.image.offset(table, 1) :: 4][:MAX_CASES].astype(np.uint32).view(np.int32)
            places = words.astype(np.int64) + table - function.start
            inside = (places > 0) & (places < function.end - function.start)
            tables.append(places[: int(np.argmin(inside)) if not inside.all() else None])
        shorter = min(len(t) for t in tables)
        return shorter > 1 and bool((tables[0][:shorter] == tables[1][:shorter]).all())

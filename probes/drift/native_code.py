"""The code that C compilers made: what cgo links into the program beside Go's text, paired and compared.

Go's function table knows nothing of it. Functions come from the symbol table, or from the unwind table of a stripped
file; there they have no names and are paired by what they hold, then by their order.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from probes.binary.image import I64
from probes.binary.symbols import STT_FUNC
from probes.binary.unwind import frame_ranges
from probes.drift.facts import ChangeKind, FunctionChange, FunctionRef
from probes.drift.insn import BRANCH, CALL
from probes.drift.meaning import Meaning
from probes.drift.operands import Operands, operands
from probes.drift.side import READONLY, Side, lasting_name
from probes.drift.windows import LEA, MEMORY
from probes.records import dataclass

PACKAGE = "C"
MAX_BYTES = 32 << 20
MAX_TEXT = 4096
"""Bytes of a string constant that are compared."""
MAX_CASES = 1024
STUB = 16
"""Bytes of an entry of the PLT on both architectures."""


@dataclass(frozen=True, slots=True)
class NativeFunction:
    """One C function: `name` is empty in a stripped file; `start` and `end` are addresses."""

    name: str
    start: int
    end: int


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


def native_functions(side: Side) -> list[NativeFunction] | None:
    """The C functions of one side by address; None when there is C code and no table tells where its functions are.

    Raises:
        MalformedElf, MalformedTable: the unwind table is damaged.
    """
    spans = [s for s in side.image.spans if s.executable]
    table = side.facts.symtab
    found: list[NativeFunction] = []
    if table is not None:
        rows = np.flatnonzero((table.kind == STT_FUNC) & (table.size > 0) & (table.section != 0))
        start = table.value[rows].astype(np.int64)
        rows = rows[(start < side.text.start) | (start >= side.text.stop)]
        names = table.names(rows)
        found = [
            NativeFunction(lasting_name(name), int(table.value[r]), int(table.value[r] + table.size[r]))
            for name, r in zip(names, rows.tolist(), strict=True)
        ]
    else:
        ranges = frame_ranges(side.image)
        if ranges is None:
            return [] if _only_go(side) else None
        found = [NativeFunction("", a, b) for a, b in zip(*(r.tolist() for r in ranges), strict=True)]
    inside = [f for f in found if any(s.start <= f.start < f.end <= s.end for s in spans)]
    outside = [f for f in inside if f.end <= side.text.start or f.start >= side.text.stop]
    return sorted({(f.start, f.end): f for f in outside}.values(), key=lambda f: f.start)


def _only_go(side: Side) -> bool:
    """Whether nothing is executable but Go's text."""
    section = side.image.elf.section(".text")
    if section is None:
        native = side.facts.native
        return native is not None and native.interpreter is None
    return section.addr >= side.text.start - 64 and section.addr + section.size <= side.text.stop + 64


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


class _Comparison:
    def __init__(self, meaning: Meaning, ours: list[NativeFunction], theirs: list[NativeFunction]) -> None:
        self.meaning, self.ours, self.theirs = meaning, ours, theirs
        self.code = [self._operands(meaning.old, f) for f in ours], [self._operands(meaning.new, f) for f in theirs]
        self.pairs = self._pair()
        self.starts = (
            np.array([f.start for f in ours], dtype=np.int64),
            np.array([f.start for f in theirs], dtype=np.int64),
        )

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
        changed: list[FunctionChange] = []
        identical = moved = 0
        for i, j in sorted(self.pairs.items()):
            a, b = self.ours[i], self.theirs[j]
            detail = self._difference(i, j)
            if detail:
                kind: ChangeKind = "body" if a.end - a.start == b.end - b.start else "resized"
                changed.append(
                    FunctionChange(
                        self._name(b, j), PACKAGE, kind, (), detail, "", 0, a.end - a.start, b.end - b.start, -1, -1
                    )
                )
            elif self._bytes(self.meaning.old, a) == self._bytes(self.meaning.new, b):
                identical += 1
            else:
                moved += 1
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

    @staticmethod
    def _name(function: NativeFunction, index: int) -> str:
        return function.name or f"C function {index + 1}"

    def _ref(self, function: NativeFunction, index: int) -> FunctionRef:
        return FunctionRef(self._name(function, index), PACKAGE, "", 0, exported=False)

    def _difference(self, i: int, j: int) -> str:
        """What differs between two functions, "" when nothing does."""
        a, b = self.ours[i], self.theirs[j]
        if a.end - a.start != b.end - b.start:
            return f"resized {a.end - a.start} → {b.end - b.start} bytes"
        old, new = self.code[0][i], self.code[1][j]
        if old.bare != new.bare or len(old.targets) != len(new.targets):
            return "other instructions or constants"
        for (kind, x), (_, y) in zip(old.targets, new.targets, strict=True):
            if not self._same(kind, x, y, (a, b)):
                return "calls another function" if kind in {BRANCH, CALL} else "uses other data"
        return ""

    def _same(self, kind: int, x: int, y: int, own: tuple[NativeFunction, NativeFunction]) -> bool:
        a, b = own
        if a.start <= x < a.end or b.start <= y < b.end:
            return x - a.start == y - b.start
        if (code := self._code(x, y)) is not None:
            return code
        one, two = np.array([x], dtype=np.int64), np.array([y], dtype=np.int64)
        ours, theirs = int(self.meaning.old.regions(one)[0]), int(self.meaning.new.regions(two)[0])
        if ours == theirs == READONLY and kind == LEA:
            return self._text(x) == self._text(y, new=True) != b"" or self._cases(x, y, own) or self._equal(one, two)
        if kind in {BRANCH, CALL} and ours == theirs and not self.meaning.old.text.holds(one)[0]:
            return self._stub(self.meaning.old, x) == self._stub(self.meaning.new, y)
        if ours == theirs == READONLY and kind == MEMORY:
            words = (
                int(s.words_at(t).view(np.int64)[0]) for s, t in ((self.meaning.old, one), (self.meaning.new, two))
            )
            if (code := self._code(*words)) is not None:
                return code
        width = np.array([8], dtype=np.int64)
        return bool(self.meaning.same(one, two, np.array([kind], dtype=np.uint8), width, strict=False)[0])

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
        slots = [target for kind, target in found.targets if kind == MEMORY]
        return side.image.external.get(slots[0], found.bare) if slots else found.bare

    def _equal(self, x: I64, y: I64) -> bool:
        kind, unknown = np.array([LEA], dtype=np.uint8), np.array([-1], dtype=np.int64)
        return bool(self.meaning.constants(x, y, kind, unknown, strict=False)[0])

    def _text(self, address: int, *, new: bool = False) -> bytes:
        image = self.meaning.new.image if new else self.meaning.old.image
        at = image.offset(address, 1)
        return bytes(image.buffer[at : at + MAX_TEXT]).split(b"\0", 1)[0]

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

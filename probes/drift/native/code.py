"""The code that C compilers made: what cgo links into the program beside Go's text, paired and compared.

Go's function table knows nothing of it. Functions come from the symbol table, or from the unwind table of a stripped
file; there they have no names and are paired by what they hold, then by their order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable

import numpy as np
from msgspec import Struct

from probes.drift.addresses.equivalence import Equivalence
from probes.drift.arch.architecture import architecture
from probes.drift.arch.code import BRANCH, CALL
from probes.drift.arch.operands import ABSOLUTE, Operands
from probes.drift.arch.windows import LEA, MEMORY
from probes.drift.facts import ChangeKind, FunctionChange, FunctionDoubt, FunctionRef
from probes.drift.native.data import Answer, NativeData, is_data
from probes.drift.native.functions import NativeFunction, native_functions
from probes.drift.native.operands import operands
from probes.drift.side import FOREIGN, Side
from probes.elf.headers import SHF_ALLOC
from probes.elf.image import I64

PACKAGE = "C"
MAX_BYTES = 32 << 20
DOUBT = "a constant of unknown length is followed by other bytes"
LONGEST = 16
"""Bytes of an instruction, and one more."""
STUB = 16
"""Bytes of an entry of the PLT on both architectures."""


class NativeCode(Struct, frozen=True):
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
    doubtful: tuple[FunctionDoubt, ...] = ()


def compare_native(equivalence: Equivalence) -> NativeCode:
    """Compare the C functions of both sides."""
    ours, theirs = native_functions(equivalence.old), native_functions(equivalence.new)
    if (ours is None or theirs is None) and equivalence.unmoved:
        return NativeCode()  # everything but Go's text is the same, byte for byte
    if ours is None or theirs is None:
        return NativeCode(undecided=("C code of a stripped file without an unwind table",))
    if not ours and not theirs:
        return NativeCode()
    if sum(f.end - f.start for f in (*ours, *theirs)) > MAX_BYTES:
        return NativeCode(undecided=(f"C code of more than {MAX_BYTES >> 20} MB",))
    return _Comparison(equivalence, ours, theirs).result()


_Question = tuple[int, int, int, int]
"""(kind, address in OLD, address in NEW, bytes used)."""


def _said_of(question: _Question) -> str:
    return "calls another function" if question[0] in {BRANCH, CALL} else "uses other data"


def _one(address: int) -> I64:
    return np.array([address], dtype=np.int64)


class _Comparison:
    def __init__(self, equivalence: Equivalence, ours: list[NativeFunction], theirs: list[NativeFunction]) -> None:
        self.equivalence, self.ours, self.theirs = equivalence, ours, theirs
        self.starts = [f.start for f in ours], [f.start for f in theirs]
        self.absolute = _absolute(equivalence.old, self.starts[0]), _absolute(equivalence.new, self.starts[1])
        self.code = (
            [self._operands(equivalence.old, f, self.absolute[0]) for f in ours],
            [self._operands(equivalence.new, f, self.absolute[1]) for f in theirs],
        )
        self.named = any(f.name for f in ours) and any(f.name for f in theirs)
        """A stripped file has no names: then what a function is called on one side says nothing."""
        self.pairs = self._pair()

    def _operands(self, side: Side, function: NativeFunction, absolute: Callable[[int], bool] | None) -> Operands:
        return operands(self._bytes(side, function), function.start, side.image.arch, absolute)

    @staticmethod
    def _bytes(side: Side, function: NativeFunction) -> bytes:
        return side.image.bytes(function.start, function.end - function.start).tobytes()

    def _pair(self) -> dict[int, int]:
        """Index in OLD -> index in NEW: by name and body, then by name, each in order of address."""
        out: dict[int, int] = {}
        taken: set[int] = set()
        for exact in (True, False) if self._known else (True,):
            free: dict[tuple[str, bytes], list[int]] = defaultdict(list)
            for j in range(len(self.theirs) - 1, -1, -1):
                if j not in taken:
                    free[self._key(self.theirs[j].name), self.code[1][j].bare if exact else b""].append(j)
            for i, function in enumerate(self.ours):
                if i not in out and (
                    rest := free.get((self._key(function.name), self.code[0][i].bare if exact else b""))
                ):
                    out[i] = rest.pop()
                    taken.add(out[i])
        return out

    @property
    def _known(self) -> bool:
        """Whether both sides have names, or neither: else what came and what went is not known."""
        return self.named or not any(f.name for f in (*self.ours, *self.theirs))

    def _key(self, name: str) -> str:
        return name if self.named else ""

    def result(self) -> NativeCode:
        details: dict[int, str] = {}
        asked: dict[_Question, list[int]] = defaultdict(list)
        for i, j in self.pairs.items():
            detail, questions = self._difference(i, j)
            if detail:
                details[i] = detail
            for question in questions:
                asked[question].append(i)
        doubtful: dict[int, str] = {}
        for question, answer in self._answered(list(asked)).items():
            for i in asked[question]:
                (details if answer == Answer.OTHER else doubtful).setdefault(i, _said_of(question))
        changed, identical, moved = self._count(details)
        back = set(self.pairs.values())
        return NativeCode(
            len(self.ours),
            len(self.theirs),
            len(self.pairs),
            identical,
            moved,
            added=tuple(self._ref(f, j) for j, f in enumerate(self.theirs) if j not in back and self._known),
            removed=tuple(self._ref(f, i) for i, f in enumerate(self.ours) if i not in self.pairs and self._known),
            changed=tuple(changed),
            doubtful=tuple(
                FunctionDoubt(
                    self._name(self.theirs[self.pairs[i]], self.pairs[i]), PACKAGE, f"may use other data: {DOUBT}"
                )
                for i in sorted(doubtful.keys() - details.keys())
            ),
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
            elif self._bytes(self.equivalence.old, a) == self._bytes(self.equivalence.new, b):
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
        if self.equivalence.unmoved and self._bytes(self.equivalence.old, a) == self._bytes(self.equivalence.new, b):
            return "", []
        if a.end - a.start != b.end - b.start:
            return f"resized {a.end - a.start} → {b.end - b.start} bytes", []
        old, new = self.code[0][i], self.code[1][j]
        if old.bare != new.bare or len(old.targets) != len(new.targets):
            # A number that looks like an address on one side only is a number on both.
            old, new = self._operands(self.equivalence.old, a, None), self._operands(self.equivalence.new, b, None)
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
        """Whether two operands mean the same; None where what they lead to must be looked at."""
        a, b = own
        if a.start <= x < a.end or b.start <= y < b.end:
            return x - a.start == y - b.start
        if (code := self._code(x, y)) is not None:
            return code
        if kind in {BRANCH, CALL}:
            ours, theirs = (self._region(*each) for each in ((self.equivalence.old, x), (self.equivalence.new, y)))
            if ours == theirs == FOREIGN:
                return self._stub(self.equivalence.old, x) == self._stub(self.equivalence.new, y)
        return None

    @staticmethod
    def _region(side: Side, address: int) -> int:
        return int(side.regions(_one(address))[0])

    def _answered(self, asked: list[_Question]) -> dict[_Question, Answer]:
        """The questions about addresses that do not mean the same, or may not."""
        taken = [_targets(code, {LEA, ABSOLUTE}) for code in self.code]
        data = NativeData(self.equivalence, self._code, (taken[0], taken[1]), _targets(self.code[0], {MEMORY}))
        # An immediate that is the same on both sides may well be a plain number.
        numbers = [q for q in asked if q[0] == ABSOLUTE and data.number(q[1], q[2])]
        certain = sorted(set(asked) - set(numbers))
        places = [(x, y, width) for _, x, y, width in certain]
        data.learn(places)
        answers = dict(zip(certain, data.answer(places), strict=True))
        numbers = [q for q in numbers if data.possible(q[1], q[2])]
        found = data.answer([(x, y, width) for _, x, y, width in numbers])
        answers |= {q: min(answer, Answer.DOUBT) for q, answer in zip(numbers, found, strict=True)}
        return {question: answer for question, answer in answers.items() if answer != Answer.SAME}

    def _code(self, x: int, y: int) -> bool | None:
        """Whether both are the same place of the same C function; None when neither is in one."""
        i, j = bisect_right(self.starts[0], x) - 1, bisect_right(self.starts[1], y) - 1
        within = i >= 0 and x < self.ours[i].end, j >= 0 and y < self.theirs[j].end
        if not any(within):
            return None
        return all(within) and self.pairs.get(i) == j and x - self.ours[i].start == y - self.theirs[j].start

    def _stub(self, side: Side, address: int) -> str | bytes:
        """What a jump to `address` outside of all functions leads to: the symbol of a PLT entry, else the entry's code."""
        code = side.contents(address, STUB + LONGEST).tobytes()
        found = operands(code, address, side.image.arch, None)
        slots = [target for kind, target, _ in found.targets if kind == MEMORY]
        bare = found.bare[: self._end(side, code, address)]
        return side.image.external.get(slots[0], bare) if slots else bare

    @staticmethod
    def _end(side: Side, code: bytes, address: int) -> int:
        """Bytes up to the first jump or return, behind which anything may stand."""
        decoded = architecture(side.image.arch).code(code, address)
        index = 0
        while decoded.has(index) and (insn := decoded.insn(index)).offset < STUB:
            if decoded.ends(index):
                return insn.offset + insn.size
            index += 1
        return STUB


def _targets(code: list[Operands], kinds: set[int]) -> I64:
    return np.array([target for each in code for kind, target, _ in each.targets if kind in kinds], dtype=np.int64)


def _absolute(side: Side, entries: list[int]) -> Callable[[int], bool] | None:
    """Whether a number in C code can be an absolute address: of C's data, or of a function's entry."""
    if side.image.elf.dynamic:
        return None
    sections = [s for s in side.image.elf.sections if s.flags & SHF_ALLOC and s.size and is_data(s)]
    places = [(s.addr, s.addr + s.size) for s in sections]
    places = places or [*((s.start, s.end) for s in side.image.spans if not s.executable), *side.image.zero]
    hidden = [*side.module.data, *side.module.bss, (side.module.types, side.module.etypes)]
    code = {*entries, *side.text.entry.tolist()}

    def possible(number: int) -> bool:
        inside = any(a <= number < b for a, b in places) and not any(a <= number < b for a, b in hidden)
        return inside or number in code

    return possible

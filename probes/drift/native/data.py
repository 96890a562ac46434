"""What C code refers to: constants, tables and variables of both sides, compared by what they hold.

Nothing in a linked file says how large a C constant is, unless a symbol names it. It ends at the latest where the next
one begins: at an address that code takes, a pointer leads to, or a symbol starts at. A difference there that both sides
bound alike is one of this constant; one beyond its terminating NUL, or beyond where either side knows something else to
begin, is not; what remains may be either, and is said to be in doubt.

Pointers are followed, each pair once. Pairs that refer to each other in circles are the same unless a difference
disproves it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from enum import IntEnum

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from probes.arrays import distinct
from probes.drift.addresses.equivalence import Equivalence
from probes.drift.arch.code import TO_NEXT
from probes.drift.arch.windows import LEA
from probes.drift.side import FOREIGN, READONLY, TEXT, WRITABLE, Side
from probes.elf.headers import SHF_ALLOC, SHF_EXECINSTR, Section
from probes.elf.image import I64

SHT_PROGBITS = 1
MAX_EXTENT = 1 << 16
"""Bytes of one constant that are compared."""
MAX_PAIRS = 1 << 18
"""Pairs of addresses that are followed."""
MAX_TEXT = 4096
WORD = 8
WIDEST = 64
"""Bytes that one instruction reads at most."""
CASE = 4
"""Bytes of an entry of a jump table: the distance from the table to the case (gcc and clang on both architectures)."""

MAX_TABLES = 64
"""Jump tables within one constant."""
MAX_TABLE = 1024
"""Bytes of a jump table before an entry that is read by itself."""

_METADATA = (
    ".eh_frame",
    ".gnu",
    ".note",
    ".dyn",
    ".rela",
    ".hash",
    ".interp",
    ".gcc_except",
    ".go.",
    ".gopclntab",
    ".gosymtab",
    ".typelink",
    ".itab",
)
_PRINTABLE = bytes(range(0x20, 0x7F)) + b"\t\n\r\x1b" + bytes(range(0x80, 0x100))

Place = tuple[int, int, int]
"""An address in OLD, one in NEW, and the bytes used of what is there; `TO_NEXT` where nothing tells."""


_Link = tuple[Place, bool]
"""What a word leads to, and whether the word may as well be a plain number."""
_Users = dict[int, list[tuple[int, bool]]]


class Answer(IntEnum):
    """Whether two addresses mean the same."""

    SAME = 0
    DOUBT = 1
    OTHER = 2


class _Half(Struct, frozen=True):
    """One side: addresses at which something begins, and those of the words that are addresses, sorted; where data is."""

    side: Side
    starts: list[int]
    pointers: list[int]
    data: list[tuple[int, int]]

    def reach(self, address: int) -> int:
        """Bytes up to where something else begins."""
        at = bisect_right(self.starts, address)
        return min(self.starts[at] - address, MAX_EXTENT) if at < len(self.starts) else MAX_EXTENT

    def pointers_in(self, address: int, size: int) -> set[int]:
        """Distances from `address` of the words that are addresses."""
        first, last = bisect_left(self.pointers, address), bisect_left(self.pointers, address + size)
        return {p - address for p in self.pointers[first:last] if p + 8 <= address + size}

    def read(self, address: int, size: int) -> bytes:
        """Up to `size` bytes at `address`; fewer where the file has no more."""
        return self.side.contents(address, size).tobytes()

    def metadata(self, address: int) -> tuple[str, int] | None:
        """Section and distance from its start of an address among what linkers and loaders read; None among C's data.

        Headers that are in no section have no name: `__ehdr_start` leads to the file's own.
        """
        if any(start <= address < end for start, end in self.data):
            return None
        for section in self.side.image.elf.sections:
            if section.flags & SHF_ALLOC and section.addr <= address < section.addr + section.size:
                return section.name, address - section.addr
        span = self.side.image.span(address)
        return "", address - (span.start if span is not None else 0)

    def holds(self, address: int) -> bool:
        """Whether constants of C's can be at `address`."""
        span = self.side.image.span(address)
        return span is not None and not span.writable and any(start <= address < end for start, end in self.data)

    def left(self, address: int) -> int:
        """Bytes up to the end of the symbol that holds `address`; -1 without one."""
        symbols = self.side.symbols
        if symbols is None or not symbols.start.size:
            return -1
        row = int(symbols.find(np.array([address], dtype=np.int64))[0])
        return int(symbols.end[row]) - address if row >= 0 else -1


class NativeData:
    """Compares what addresses in C code and in C data lead to.

    Args:
        equivalence: what Go's own comparison knows.
        code: whether two addresses are the same place of a C function; None when neither is in one.
        taken: addresses that the C code of either side takes, shapes (n,) and (m,).
        read: addresses in OLD that the C code reads, shape (k,).
    """

    def __init__(
        self, equivalence: Equivalence, code: Callable[[int, int], bool | None], taken: tuple[I64, I64], read: I64
    ) -> None:
        self.equivalence, self.code, self.reads = equivalence, code, distinct(read).tolist()
        self.old, self.new = _half(equivalence.old, taken[0]), _half(equivalence.new, taken[1])
        self.taken: list[tuple[int, int]] = []
        """Constants of both sides to which the same operands lead, in order."""

    def learn(self, asked: list[Place]) -> None:
        """Take note of the constants to which operands lead that are addresses for certain."""
        self.taken = sorted({(x, y) for x, y, _ in asked if self.old.holds(x) and self.new.holds(y)})

    def answer(self, asked: list[Place]) -> list[Answer]:
        """An answer for each of `asked`, in order."""
        number: dict[Place, int] = {}
        wanted = [number.setdefault(place, len(number)) for place in asked]
        answers: list[Answer] = []
        users: _Users = {}
        frontier = list(number)
        while frontier:
            found = []
            for source, (own, links) in enumerate(self._look(frontier), start=len(answers)):
                found.append(own)
                for link, weak in links if len(number) < MAX_PAIRS else ():
                    target = number.setdefault(link, len(number))
                    users.setdefault(target, []).append((source, weak))
                if links and len(number) >= MAX_PAIRS:
                    found[-1] = max(own, Answer.DOUBT)
            answers += found
            frontier = list(number)[len(answers) :]
        _spread(answers, users)
        return [answers[at] for at in wanted]

    def text_or_symbol(self, x: int, y: int) -> bool:
        """Whether a string begins at both addresses, behind another one's end, or a symbol does."""
        for half, address in ((self.old, x), (self.new, y)):
            symbols = half.side.symbols
            row = -1 if symbols is None else int(symbols.find(np.array([address], dtype=np.int64))[0])
            named = symbols is not None and row >= 0 and int(symbols.start[row]) == address
            if not named and not (half.read(address - 1, 1) == b"\0" and _text(half.read(address, MAX_TEXT))):
                return False
        return True

    def number(self, x: int, y: int) -> bool:
        """Whether what looks like an address is a plain number: the same on both sides, and nothing begins there."""
        fixed = not self.equivalence.old.image.elf.dynamic
        return fixed and x == y and self.code(x, y) is not True and not self.text_or_symbol(x, y)

    def _look(self, places: list[Place]) -> Iterator[tuple[Answer, list[_Link]]]:
        """What each of `places` shows by itself, and the pairs of addresses that it leads on to."""
        table = np.array(places, dtype=np.int64)
        old, new = table[:, 0].copy(), table[:, 1].copy()
        ours, theirs = self.equivalence.old.regions(old), self.equivalence.new.regions(new)
        same, named = self.equivalence.by_name(old, new)
        same |= ~named & self.equivalence.correspondence.same(old, new)
        other = ~same & (named | self.equivalence.correspondence.contradicts(old, new))
        code = self.equivalence.functions(old, new)
        typed = self._in_types(self.equivalence.old, old) & self._in_types(self.equivalence.new, new)
        rows = np.flatnonzero(typed)
        kind, unknown = np.full(rows.shape, LEA, dtype=np.uint8), np.full(rows.shape, -1, dtype=np.int64)
        same[rows] = self.equivalence.constants(old[rows], new[rows], kind, unknown, strict=False)
        for at, (x, y, need) in enumerate(places):
            here, there = int(ours[at]), int(theirs[at])
            outside = self._external(x, y)
            if outside is not None:  # a slot that the loader fills in, protected afterwards or not
                yield Answer.SAME if outside else Answer.OTHER, []
            elif {here, there} == {READONLY, WRITABLE}:  # only one side has it protected after start (PT_GNU_RELRO)
                yield self._contents(x, y, need if need > 0 else WORD, backed=False)
            elif here != there:
                yield Answer.OTHER, []
            elif here == READONLY and (places_of := (self.old.metadata(x), self.new.metadata(y))) != (None, None):
                yield Answer.SAME if places_of[0] == places_of[1] else Answer.OTHER, []
            elif typed[at]:  # what Go's comparison knows best
                yield Answer.SAME if same[at] else Answer.OTHER, []
            elif here == READONLY or (here == WRITABLE and not same[at] and not other[at]):
                # The initial value of a variable that nothing else tells apart from others tells what it is.
                yield self._contents(x, y, WORD if here == WRITABLE else need, backed=here == READONLY)
            elif here == FOREIGN:
                yield Answer.OTHER if self.code(x, y) is False else Answer.SAME, []
            else:
                good = same[at] if here == WRITABLE else code[at] if here == TEXT else x == y
                yield Answer.SAME if good else Answer.OTHER, []

    @staticmethod
    def _in_types(side: Side, addresses: I64) -> npt.NDArray[np.bool_]:
        """Whether each address lies among Go's type descriptors, to which only what Go's compiler made leads."""
        return (addresses >= side.module.types) & (addresses < side.module.etypes)

    def _contents(self, x: int, y: int, need: int, *, backed: bool) -> tuple[Answer, list[_Link]]:
        if need > 0:
            size = sure = need
        else:
            size, sure = self._extent(x, y)
        a, b = self.old.read(x, size), self.new.read(y, size)
        if need > 0 and (len(a) != len(b) or (backed and len(a) != size)):
            return Answer.OTHER, []
        size = min(len(a), len(b))
        ours, theirs = self.old.pointers_in(x, size), self.new.pointers_in(y, size)
        if a[:size] == b[:size] and not ours and not theirs:
            return Answer.SAME, []
        if need == size == CASE and self._case(x, y, (a, b)):
            return Answer.SAME, []
        return self._compare(x, y, (a[:size], b[:size]), (ours, theirs), sure)

    def _extent(self, x: int, y: int) -> tuple[int, int]:
        """(bytes to compare, how many of them surely belong to what is there)."""
        left = self.old.left(x), self.new.left(y)
        if min(left) > 0:
            size = min(*left, MAX_EXTENT)
            return size, size
        reach = self.old.reach(x), self.new.reach(y)
        if reach[0] == reach[1]:
            return reach[0], reach[0]
        return min(reach), 0

    def _compare(
        self, x: int, y: int, contents: tuple[bytes, bytes], pointers: tuple[set[int], set[int]], sure: int
    ) -> tuple[Answer, list[_Link]]:
        a, b = contents
        links: list[tuple[int, _Link]] = []
        masked = bytearray(len(a))
        for at in sorted(pointers[0] | pointers[1]):
            outside = self._external(x + at, y + at)
            if outside is False:
                return (Answer.OTHER if at < max(sure, WORD) else Answer.DOUBT), []
            p, q = (int.from_bytes(side[at : at + 8], "little") for side in contents)
            if outside is None and at in pointers[0] and at in pointers[1] and not self.number(p, q):
                links.append((at, ((p, q, TO_NEXT), False)))
            elif outside is None:
                # The same word on both sides may be a number; on one side only, what looks like an address is one.
                links += [(at, ((p, q, TO_NEXT), True))] if self.possible(p, q) else []
                continue
            masked[at : at + 8] = b"\1" * 8
        wrong = np.frombuffer(a, dtype=np.uint8) != np.frombuffer(b, dtype=np.uint8)
        wrong &= np.frombuffer(masked, dtype=np.uint8) == 0
        for _ in range(MAX_TABLES if wrong.any() else 0):
            # A jump table may stand behind, at which nothing is seen to begin: code forms its address in some other way.
            at = int(np.argmax(wrong)) // CASE * CASE
            size = self._cases(x + at, y + at, (a[at:], b[at:])) if wrong.any() else 0
            wrong[at : at + size] = False
            if not size:
                break
        first = int(np.argmax(wrong)) if wrong.any() else len(a)
        text = _text(a)
        own = Answer.SAME
        if first < len(a):
            surely = first < max(text, 1) or (first < sure and not self._read_alone(x, first))
            own = Answer.OTHER if surely else Answer.SAME if text else Answer.DOUBT
        return own, [link for at, link in links if at < first]

    def possible(self, p: int, q: int) -> bool:
        """Whether a number that is the same on both sides may lead to a constant: what is around it did not move.

        A linker lays constants out in one piece, so that an address among those that moved would have moved as well.
        """
        if p != q or p % CASE or not (self.old.holds(p) and self.new.holds(q)):
            return False
        at = bisect_right(self.taken, (p, q))
        around = [x == y for x, y in self.taken[max(at - 1, 0) : at + 1]]
        return not around or any(around)

    def _read_alone(self, x: int, first: int) -> bool:
        """Whether code reads what is at distance `first` by an address of its own, behind the start of what is at `x`."""
        at = bisect_right(self.reads, x + first) - 1
        return at >= 0 and x < self.reads[at] and x + first < self.reads[at] + WIDEST

    def _external(self, at: int, there: int) -> bool | None:
        """Whether the loader fills both words in with the same symbol; None where it fills in neither."""
        ours, theirs = self.old.side.image.external.get(at), self.new.side.image.external.get(there)
        return None if ours is None and theirs is None else ours == theirs

    def _case(self, x: int, y: int, contents: tuple[bytes, bytes]) -> bool:
        """Whether one entry of a jump table, which code reads by itself, leads to the same place: the table began before it."""
        ours, theirs = (int.from_bytes(each, "little", signed=True) for each in contents)
        return any(self.code(x + ours - back, y + theirs - back) is True for back in range(0, MAX_TABLE, CASE))

    def _same_place(self, x: int, y: int) -> bool:
        """Whether both are one place of C's code; where no function is known, as in assembler, one that did not move."""
        known = self.code(x, y)
        return x == y and self.equivalence.old.regions(np.array([x]))[0] == FOREIGN if known is None else known

    def _cases(self, x: int, y: int, contents: tuple[bytes, bytes]) -> int:
        """Bytes of the jump table that begins both contents: distances from the table to the same places of code."""
        size = 0
        for a, b in zip(*(np.frombuffer(c[: len(c) // 4 * 4], dtype="<i4").tolist() for c in contents), strict=True):
            if not a or not b or not self._same_place(x + a, y + b):
                break
            size += CASE
        return size if size > CASE else 0


def _text(content: bytes) -> int:
    """Bytes of the string that begins `content`, its NUL included; 0 when it begins with none."""
    end = content.find(b"\0", 0, MAX_TEXT)
    return end + 1 if end > 0 and not content[:end].translate(None, _PRINTABLE) else 0


def _spread(answers: list[Answer], users: _Users) -> None:
    """What refers to something that is other or in doubt, is so too; by what may be a number, at most in doubt."""
    queue = [at for at, answer in enumerate(answers) if answer != Answer.SAME]
    while queue:
        target = queue.pop()
        for user, weak in users.get(target, ()):
            found = Answer.DOUBT if weak else answers[target]
            if answers[user] < found:
                answers[user] = found
                queue.append(user)


def is_data(section: Section) -> bool:
    """Whether a section may hold C's data: not code, and nothing that linkers, loaders and Go's runtime read."""
    return not section.flags & SHF_EXECINSTR and not section.name.startswith(_METADATA)


def _half(side: Side, taken: I64) -> _Half:
    sections = [s for s in side.image.elf.sections if s.flags & SHF_ALLOC and s.kind == SHT_PROGBITS and is_data(s)]
    ranges = [(s.addr, s.addr + s.size) for s in sections if s.size]
    if not ranges:  # the section headers were removed
        ranges = [(s.start, s.end) for s in side.image.spans if not s.executable]
    pointers = _pointers(side, ranges)
    words = side.words_at(pointers).view(np.int64)
    edges = np.array([edge for place in ranges for edge in place] + sorted(side.boundaries), dtype=np.uint64)
    starts = [taken, words, edges.view(np.int64)]
    if side.symbols is not None:
        starts.append(side.symbols.start)
    return _Half(side, distinct(np.concatenate(starts)).tolist(), pointers.tolist(), ranges)


def _pointers(side: Side, ranges: list[tuple[int, int]]) -> I64:
    """Addresses of the words in C's data that are addresses, sorted: relocations tell, else their values."""
    if side.image.elf.dynamic:
        return distinct(np.concatenate((side.relocated, side.external)))
    found = [side.external]
    for start, end in ranges:
        at = np.arange((start + 7) & ~7, end - 7, 8, dtype=np.int64)
        words = side.words_at(at).view(np.int64)
        near = (words >= side.lowest) & (words < side.highest)
        at, words = at[near], words[near]
        regions = side.regions(words)
        good = (regions == WRITABLE) | (regions == FOREIGN) | (regions == TEXT)
        good |= (regions == READONLY) & np.logical_or.reduce([(words >= a) & (words < b) for a, b in ranges])
        found.append(at[good])
    return distinct(np.concatenate(found))

"""Walks the initial values of both sides at once: word by word, through pointers, and says where they differ.

A word is a number or a pointer by the collector's mask (runtime.gcdata), so that no number is taken for an address. What a
pointer leads to is compared by what it means: a function, a type, a text, a named variable, or, where it has no name of
its own, by its contents. All words of a round are looked at together; each round goes one pointer further.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from probes.arrays import contains, distinct
from probes.drift.addresses import literals
from probes.drift.addresses.descriptors import type_hash
from probes.drift.arch.windows import LEA
from probes.drift.side import FOREIGN, NOWHERE, READONLY, TEXT, WRITABLE, Side
from probes.elf.image import I64, U64
from probes.errors import MalformedTable
from probes.go.module.pointer_masks import PointerMasks, read_masks

if TYPE_CHECKING:
    from probes.drift.addresses.equivalence import Equivalence

Bools = npt.NDArray[np.bool_]

MAX_ROUNDS = 12
"""Pointers that are followed one behind the other."""
MAX_TEXT = 1 << 20
"""Bytes of a text."""
MAX_BYTES = 1 << 30
"""Bytes of data that are walked through in all."""
_LAID_OUT = dict.fromkeys(map(ord, "\n\r\t"))

SCALAR, STRING, POINTER, UNSURE = range(4)
"""What differs in a word: a number; the text that it leads to; what else it leads to; or it cannot be said."""


class Piece(Struct, frozen=True):
    """Some data of both sides. `root` is the index of the variable that leads here, `via` the pieces and offsets on the way."""

    root: int
    old: int
    new: int
    size: int
    via: tuple[tuple[int, int], ...] = ()


class Difference(Struct, frozen=True):
    """In `piece`, the word at `offset` bytes differs; `kind` as above."""

    piece: Piece
    offset: int
    kind: int


class Ground:
    """What all walks over the data of the two sides of a `meaning` need: the collector's masks, and where things begin."""

    def __init__(self, equivalence: Equivalence) -> None:
        self.equivalence = equivalence
        self.masks = [_masks(side) for side in (equivalence.old, equivalence.new)]
        self.stripped = equivalence.old.symbols is None or equivalence.new.symbols is None

    @cached_property
    def starts(self) -> list[I64]:
        """Of either side, where something begins among the variables, sorted."""
        sides = (self.equivalence.old, self.equivalence.new)
        return [_starts(side, mask) for side, mask in zip(sides, self.masks, strict=True)]


class Walk:
    """Compares pieces of data of both sides.

    After `run`, `differences` are what was found, `anchors` pairs of addresses that equal pointers lead to (unnamed data),
    and `seen` the number of bytes compared.
    """

    def __init__(self, ground: Ground, *, native: frozenset[int] = frozenset(), brief: bool = False) -> None:
        """`native`: indices of roots that are variables of C, whose pointers no mask describes.

        `brief`: it is enough to know which roots differ; of those, some differences are not looked for.
        """
        self.ground = ground
        self.equivalence = ground.equivalence
        self.native = native
        self.differences: list[Difference] = []
        self.anchors: list[tuple[int, int]] = []
        self.seen = 0
        self._known: set[tuple[int, int]] = set()
        self._brief = brief

    def run(self, pieces: list[Piece]) -> None:
        """Compare `pieces`, and what they lead to."""
        for _ in range(MAX_ROUNDS):
            if not pieces:
                return
            self._known.update((piece.old, piece.new) for piece in pieces)
            self.seen += sum(piece.size for piece in pieces)
            if self.seen > MAX_BYTES:
                break
            pieces = self._round(pieces)
        self.differences += [Difference(piece, 0, UNSURE) for piece in pieces]

    def _round(self, pieces: list[Piece]) -> list[Piece]:
        words = _Words(self, pieces)
        scalar = ~words.pointer & (words.x != words.y) & ~words.table
        self._scalars(words, np.flatnonzero(scalar))
        self._tables(words, self._open(words, np.flatnonzero(words.table)))
        rows = self._open(words, np.flatnonzero(words.pointer))
        texts = self._texts(words, rows)
        return self._pointers(words, rows[~texts])

    def _open(self, words: _Words, rows: I64) -> I64:
        """Those of `rows` that have to be looked at: with `brief`, of pieces that are not known to differ."""
        if not self._brief or not self.differences:
            return rows
        differ = {each.piece.root for each in self.differences}
        return rows[~np.array([piece.root in differ for piece in words.pieces], dtype=np.bool_)[words.owner[rows]]]

    def _note(self, words: _Words, rows: I64, kind: int) -> None:
        if self._brief:  # one of each piece is enough
            rows = rows[np.append(True, words.owner[rows[1:]] != words.owner[rows[:-1]])] if rows.size else rows
        for row in rows.tolist():
            self.differences.append(Difference(words.pieces[int(words.owner[row])], int(words.step[row]), kind))

    def _scalars(self, words: _Words, rows: I64) -> None:
        """Numbers that differ. What is an address without the collector's knowledge is compared as such, where it can be."""
        a, b = words.x[rows].view(np.int64), words.y[rows].view(np.int64)
        ours, theirs = self.equivalence.old.regions(a), self.equivalence.new.regions(b)
        address = (ours != NOWHERE) & (theirs != NOWHERE) & (words.rest[rows] >= 8)
        for side, at in ((self.equivalence.old, words.left[rows]), (self.equivalence.new, words.right[rows])):
            if side.image.elf.dynamic:
                address &= contains(side.relocated, at)
        self._note(words, rows[~address], SCALAR)
        # What C's data leads to is compared with the functions that use it.
        address &= ~words.native[rows]
        if self._brief:
            address &= contains(self._open(words, rows[address]), rows)
        # Code is led to by lists of initialisers only, which are no variables.
        at = np.flatnonzero(address & ~((ours == TEXT) & (theirs == TEXT)))
        if at.size:
            kind = np.full(at.shape, LEA, dtype=np.uint8)
            same = self.equivalence.same(a[at], b[at], kind, np.full(at.shape, -1, dtype=np.int64), strict=False)
            self._note(words, rows[at[~same]], UNSURE)

    def _tables(self, words: _Words, rows: I64) -> None:
        """The first words of interfaces: types or itabs."""
        a, b = words.x[rows].view(np.int64), words.y[rows].view(np.int64)
        same = (self.equivalence.types(a, b) | self.equivalence.itabs(a, b)) | ((a == 0) & (b == 0))
        self._note(words, rows[~same], POINTER)

    def _texts(self, words: _Words, rows: I64) -> Bools:
        """Which of the pointers `rows` lead to texts of a length that stands behind them; those that differ are noted."""
        equivalence = self.equivalence
        out = np.zeros(rows.shape, dtype=np.bool_)
        after = np.minimum(rows + 1, words.x.size - 1)
        beside = (
            (after > rows) & (words.owner[after] == words.owner[rows]) & ~words.pointer[after] & ~words.table[after]
        )
        before = np.maximum(rows - 1, 0)
        beside &= ~(words.table[before] & (words.owner[before] == words.owner[rows]))  # the value of an interface
        x, y = words.x[after], words.y[after]
        beside &= (x <= MAX_TEXT) & (y <= MAX_TEXT) & ((x > 0) | (y > 0))
        a, b = words.x[rows].view(np.int64), words.y[rows].view(np.int64)
        near = np.flatnonzero(beside)
        beside[near] &= ~type_hash(equivalence.old, a[near])[1] & ~type_hash(equivalence.new, b[near])[1]
        near = np.flatnonzero(beside)
        beside[near] &= (equivalence.old.regions(a[near]) == READONLY) | (a[near] == 0)
        beside[near] &= (equivalence.new.regions(b[near]) == READONLY) | (b[near] == 0)
        near = np.flatnonzero(beside)
        beside[near] &= ~_leads_to_code(equivalence.old, a[near]) & ~_leads_to_code(equivalence.new, b[near])
        level = np.flatnonzero(beside & (x == y) & (a != 0) & (b != 0))
        length = x[level].view(np.int64)
        same = equivalence.equal_bytes(a[level], b[level], length)
        same &= ~literals.holds_addresses(equivalence, a[level], b[level], length)
        out[level[same]] = True
        for i in np.flatnonzero(beside & ~out).tolist():
            texts = [
                text_at(side, int(at[i]), int(length[i]))
                for side, at, length in ((equivalence.old, a, x), (equivalence.new, b, y))
            ]
            if texts[0] is None or texts[1] is None:
                continue
            out[i] = True
            if texts[0] != texts[1]:
                self._note(words, rows[i : i + 1], STRING)
        return out

    def _pointers(self, words: _Words, rows: I64) -> list[Piece]:
        """Compare what the pointers `rows` lead to; what has to be walked through next."""
        equivalence = self.equivalence
        a, b = words.x[rows].view(np.int64), words.y[rows].view(np.int64)
        ours, theirs = equivalence.old.regions(a), equivalence.new.regions(b)
        nil = (a == 0) | (b == 0)
        self._note(words, rows[nil & (a != b)], POINTER)
        other = ~nil & (ours != theirs)
        self._note(words, rows[other], UNSURE)
        level = ~nil & ~other
        at = np.flatnonzero(level & (ours == READONLY))
        self._constants(words, rows[at], a[at], b[at])
        at = np.flatnonzero(level & (ours == TEXT))
        self._note(words, rows[at[~equivalence.functions(a[at], b[at])]], POINTER)
        # Which function of C is which is only known by name; cgo sets these pointers, and by the name of a Go variable.
        at = np.flatnonzero(level & (ours == FOREIGN))
        named, both = equivalence.by_name(a[at], b[at])
        self._note(words, rows[at[both & ~named]], POINTER)
        at = np.flatnonzero(level & (ours == WRITABLE))
        return self._variables(words, rows[at], a[at], b[at])

    def _constants(self, words: _Words, rows: I64, a: I64, b: I64) -> None:
        """Pointers to read-only data: function values, descriptors, literals."""
        equivalence = self.equivalence
        kind, need = np.full(a.shape, LEA, dtype=np.uint8), np.full(a.shape, -1, dtype=np.int64)
        same = equivalence.constants(a, b, kind, need, strict=False)
        code = [
            side.regions(side.words_at(at).view(np.int64)) == TEXT
            for side, at in ((equivalence.old, a), (equivalence.new, b))
        ]
        sure = (code[0] & code[1]) | (equivalence.left_of_symbol(a, b) > 0)
        self._note(words, rows[~same & sure], POINTER)
        self._note(words, rows[~same & ~sure], UNSURE)

    def _variables(self, words: _Words, rows: I64, a: I64, b: I64) -> list[Piece]:
        """Pointers to variables, and to data that only pointers lead to."""
        equivalence = self.equivalence
        named, both = equivalence.by_name(a, b)
        self._note(words, rows[both & ~named], POINTER)
        out: list[Piece] = []
        open_rows = np.flatnonzero(~both)
        a, b, rows = a[open_rows], b[open_rows], rows[open_rows]
        if self.ground.stripped:
            self._note(words, rows[equivalence.correspondence.contradicts(a, b)], UNSURE)
            self.anchors += zip(a.tolist(), b.tolist(), strict=True)
            return []
        sizes = [left_of(starts, at) for starts, at in zip(self.ground.starts, (a, b), strict=True)]
        size = np.minimum(*sizes)
        fewer = _fewer(words, rows, sizes)
        size = np.where(fewer >= 0, fewer, size)
        for i, row in enumerate(rows.tolist()):
            x, y = int(a[i]), int(b[i])
            if min(int(sizes[0][i]), int(sizes[1][i])) <= 0:
                self._note(words, rows[i : i + 1], UNSURE)
                continue
            if (x, y) in self._known:
                continue
            self._known.add((x, y))
            piece = words.pieces[int(words.owner[row])]
            via = (*piece.via, (piece.old, int(words.step[row])))
            out.append(Piece(piece.root, x, y, int(size[i]), via))
        return out


class _Words:
    """The words of some pieces, all of shape (k,).

    `owner`: whose; `step`: bytes into it; `left`, `right`: addresses; `x`, `y`: values, of the last word only what belongs
    to the piece; `rest`: bytes of the piece from there; `pointer`: by the collector's masks; `table`: the first word of an
    interface; `native`: of C.
    """

    def __init__(self, walk: Walk, pieces: list[Piece]) -> None:
        old, new = walk.equivalence.old, walk.equivalence.new
        size = np.array([piece.size for piece in pieces], dtype=np.int64)
        count = (size + 7) // 8
        self.pieces = pieces
        self.owner = np.repeat(np.arange(len(pieces)), count)
        self.step = 8 * (np.arange(self.owner.size) - np.repeat(np.cumsum(count) - count, count))
        self.left = np.array([p.old for p in pieces], dtype=np.int64)[self.owner] + self.step
        self.right = np.array([p.new for p in pieces], dtype=np.int64)[self.owner] + self.step
        self.rest = size[self.owner] - self.step
        tail = (8 * np.clip(8 - self.rest, 0, 7)).astype(np.uint64)
        self.x, self.y = _words(old, self.left) << tail >> tail, _words(new, self.right) << tail >> tail
        ours, theirs = (
            _pointers(mask, at) for mask, at in zip(walk.ground.masks, (self.left, self.right), strict=True)
        )
        self.pointer = ours & theirs & (self.rest >= 8)
        native = np.array([piece.root in walk.native for piece in pieces], dtype=np.bool_)
        self.native = native[self.owner]
        self.pointer &= ~self.native
        following = np.zeros(self.pointer.shape, dtype=np.bool_)
        following[:-1] = self.pointer[1:] & (self.owner[1:] == self.owner[:-1])
        self.table = following & ~self.pointer
        for side, value in ((old, self.x), (new, self.y)):
            self.table &= (value == 0) | _descriptor(side, value.view(np.int64))
        self.table &= (self.x != 0) | (self.y != 0)


def _fewer(words: _Words, rows: I64, sizes: list[I64]) -> I64:
    """Bytes of the elements that both of two slices of different lengths have; -1 where the pointers `rows` begin none.

    An element is as long as fits into both.
    """
    out = np.full(rows.shape, -1, dtype=np.int64)
    if words.x.size < 3:
        return out
    at = np.minimum(rows, words.x.size - 3)
    inside = (rows == at) & (words.owner[at] == words.owner[at + 2]) & ~words.pointer[at + 1] & ~words.pointer[at + 2]
    lengths = [value[at + 1].view(np.int64) for value in (words.x, words.y)]
    inside &= (words.x[at + 1] == words.x[at + 2]) & (words.y[at + 1] == words.y[at + 2]) & (lengths[0] != lengths[1])
    for length, size in zip(lengths, sizes, strict=True):
        inside &= (length > 0) & (length <= size)
    element = np.minimum(*(size // np.where(inside, length, 1) for length, size in zip(lengths, sizes, strict=True)))
    out[inside] = (np.minimum(*lengths) * element)[inside]
    return out


def text_at(side: Side, address: int, length: int) -> bytes | None:
    """The text of `length` bytes at `address`, when there can be one: read-only, and UTF-8 that can be printed.

    Where symbols tell the linker's area of string constants, what lies there is one whatever it holds.
    """
    if not length:
        return b"" if address == 0 or side.regions(np.array([address]))[0] == READONLY else None
    raw = side.contents(address, length)
    if raw.size != length or side.regions(np.array([address], dtype=np.int64))[0] != READONLY:
        return None
    out = raw.tobytes()
    start, end = side.strings
    if start <= address and address + length <= end:
        return out
    try:
        shown = out.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return out if shown.translate(_LAID_OUT).isprintable() else None


def left_of(starts: I64, addresses: I64) -> I64:
    """Bytes from each address up to where the next thing begins; 0 behind the last. `starts` is sorted."""
    after = np.searchsorted(starts, addresses, side="right")
    out: I64 = np.where(after < starts.size, starts[np.minimum(after, starts.size - 1)] - addresses, 0)
    return out


def _starts(side: Side, masks: PointerMasks | None) -> I64:
    """Where something begins among the variables: by symbols, as the target of a pointer, or as the end of a section.

    What the compiler makes for literals (`..stmp_1`) has no symbol in the file.
    """
    module = side.module
    found = [np.array([edge for part in (*module.data, *module.bss) for edge in part], dtype=np.int64)]
    if side.symbols is not None:
        found += [side.symbols.start, side.symbols.end]
    if masks is not None:
        start, end = module.data[1]
        at = np.arange(-(-start // 8) * 8, end - 7, 8, dtype=np.int64)
        words = _words(side, at[masks.at(at) == 1]).view(np.int64)
        found.append(words[side.regions(words) == WRITABLE])
    return distinct(np.concatenate(found))


def _leads_to_code(side: Side, addresses: I64) -> Bools:
    """Whether each address is that of a function value."""
    out: Bools = (addresses % 8 == 0) & side.text.holds(side.words_at(addresses).view(np.int64))
    return out


def _descriptor(side: Side, values: I64) -> Bools:
    """Whether each value is an address among types or itabs."""
    module = side.module
    out: Bools = (values >= module.types) & (values < module.etypes)
    start, end = module.itabs
    if end > start:
        return out | ((values >= start) & (values < end))
    return out | contains(side.itabs, values)


def _words(side: Side, at: I64) -> U64:
    """The words at `at`; zero in what the loader fills with zeros, and behind the end of the file."""
    offset = side.image.offsets(at, 1)
    inside = (offset >= 0) & (offset < side.unaligned.size)
    return np.where(inside, side.unaligned[np.where(inside, offset, 0)], np.uint64(0))


def _pointers(masks: PointerMasks | None, at: I64) -> Bools:
    if masks is None:
        return np.zeros(at.shape, dtype=np.bool_)
    out: Bools = masks.at(at) == 1
    return out


def _masks(side: Side) -> PointerMasks | None:
    try:
        return read_masks(side.image, side.module)
    except MalformedTable:
        return None

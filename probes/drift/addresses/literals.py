"""Constants that hold addresses: function values, jump tables, generic dictionaries, literals with pointers inside.

Two of them mean the same when word by word either the bits are equal or the addresses mean the same. They may refer to each
other in circles (a dictionary holds function values whose dictionary is the first one), so the comparison assumes that
all pairs are the same, follows every pointer once, and takes back what a difference disproves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from probes.arrays import contains, distinct
from probes.drift.addresses.bytes_read import DICTIONARY
from probes.drift.addresses.descriptors import is_itab, type_hash
from probes.drift.arch.code import TO_NEXT
from probes.drift.side import NOWHERE, PIECE, READONLY, TEXT, WRITABLE, Side
from probes.elf.image import I64

Bools = npt.NDArray[np.bool_]

WORDS = 8
"""Words of a constant of unknown size that are compared where nothing else begins before."""
MAX_WORDS = 1 << 17
MAX_ENTRIES = 64
"""Words of a dictionary that are looked at."""
MAX_ROUNDS = 16
SHORT = 4096
MAX_LENGTH = 1 << 20
"""Bytes of a string constant, more than any program has."""
FEW_CASES, MAX_CASES = 24, 1024


class Comparison(Protocol):
    """What is known of addresses on two sides (see `equivalence.Equivalence`)."""

    old: Side
    new: Side

    def functions(self, old: I64, new: I64) -> Bools:
        """Whether text addresses are the same place of the same function."""

    def variables(self, old: I64, new: I64, *, strict: bool, values: bool = True) -> Bools:
        """Whether writable addresses are the same variable."""

    def types(self, old: I64, new: I64) -> Bools:
        """Whether the addresses are descriptors of the same type."""

    def itabs(self, old: I64, new: I64) -> Bools:
        """Whether the addresses are itabs of the same pair."""

    def begin_variables(self, old: I64, new: I64) -> Bools:
        """Whether variables are known to begin at both addresses."""

    def equal_bytes(self, old: I64, new: I64, count: I64) -> Bools:
        """Whether `count[i]` bytes are equal."""

    def left_of_symbol(self, old: I64, new: I64) -> I64:
        """Bytes up to the end of the symbols that hold the addresses, -1 without."""

    def reach(self, old: I64, new: I64) -> I64:
        """Bytes up to where, on either side, something else is known to begin."""


def same(equivalence: Comparison, old: I64, new: I64, need: I64 | None = None) -> Bools:
    """Whether the constants at `old[i]` and `new[i]` mean the same, shape (k,).

    `need`: their bytes, `TO_NEXT`, `DICTIONARY`, or -1 when unknown.

    Where a size is known but the bytes differ, only constants that begin with an address or consist of whole words are
    looked into: others, such as strings, have then been compared already.
    """
    need = np.full(old.shape, -1, dtype=np.int64) if need is None else need
    number: dict[tuple[int, int, int], int] = {}
    wanted = [
        number.setdefault(triple, len(number)) for triple in zip(old.tolist(), new.tolist(), need.tolist(), strict=True)
    ]
    bad: set[int] = set()
    edges: list[tuple[int, int]] = []
    frontier = list(number)
    for _ in range(MAX_ROUNDS):
        if not frontier:
            break
        ids = [number[pair] for pair in frontier]
        pairs = np.array(frontier, dtype=np.int64)
        failed, links = _examine(equivalence, pairs[:, 0], pairs[:, 1], pairs[:, 2])
        bad.update(ids[i] for i in failed)
        frontier = []
        for source, a, b in links:
            target = a, b, DICTIONARY if pairs[source, 2] == DICTIONARY else -1
            if target not in number:
                number[target] = len(number)
                frontier.append(target)
            edges.append((ids[source], number[target]))
    bad.update(number[pair] for pair in frontier)
    _spread(bad, edges)
    return np.array([node not in bad for node in wanted], dtype=np.bool_)


def holds_addresses(equivalence: Comparison, old: I64, new: I64, count: I64) -> Bools:
    """Whether some aligned word among the `count[i]` bytes at `old[i]` and `new[i]` is an address, shape (k,)."""
    out = np.zeros(old.shape, dtype=np.bool_)
    aligned = np.flatnonzero(old % 8 == 0)
    words = np.maximum(count[aligned] // 8, 1)  # a number beside it may have been taken for a size
    for part in _words(equivalence, old[aligned], new[aligned], words):
        out[aligned[part.row[_addresses(equivalence, part.at, part.x, part.y)]]] = True
    return out


def begin_with_addresses(equivalence: Comparison, old: I64, new: I64) -> Bools:
    """Whether the first word at `old[i]` and `new[i]` is an address, so that no text is there, shape (k,)."""
    out: Bools = (old % 8 == 0) & (new % 8 == 0)
    rows = np.flatnonzero(out)
    out[rows] = _addresses(equivalence, old[rows], _word(equivalence.old, old[rows]), _word(equivalence.new, new[rows]))
    return out


class _Words(Struct, frozen=True):
    """Words of several pairs of constants. `row`: whose; `at`, `there`: their addresses; `x`, `y`: the words; shape (k,)."""

    row: I64
    at: I64
    there: I64
    x: npt.NDArray[np.uint64]
    y: npt.NDArray[np.uint64]


def _words(equivalence: Comparison, old: I64, new: I64, count: I64) -> Iterator[_Words]:
    """The first `count[i]` words (`MAX_WORDS` at most) at `old[i]` and `new[i]`, about `PIECE` at a time."""
    count = np.minimum(count, MAX_WORDS)
    total = np.cumsum(count)
    first = 0
    while first < count.size:
        base = int(total[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(total, base + PIECE, side="right")))
        row = np.repeat(np.arange(first, last), count[first:last])
        step = 8 * (np.arange(row.size) - (total[row] - count[row] - base))
        x, y = _run(equivalence.old, old, count, row, step), _run(equivalence.new, new, count, row, step)
        yield _Words(row, old[row] + step, new[row] + step, x, y)
        first = last


def _run(side: Side, start: I64, count: I64, row: I64, step: I64) -> npt.NDArray[np.uint64]:
    """The words at `start[row] + step`. Runs that lie in the file as they do in memory need one look-up each."""
    begin = side.image.offsets(start, 8)
    length = 8 * (np.maximum(count, 1) - 1)
    if (begin >= 0).all() and (side.image.offsets(start + length, 8) == begin + length).all():
        words: npt.NDArray[np.uint64] = side.unaligned[begin[row] + step]
        return words
    return _word(side, start[row] + step)


def _addresses(equivalence: Comparison, at: I64, x: npt.NDArray[np.uint64], y: npt.NDArray[np.uint64]) -> Bools:
    """Which words, at `at` in OLD, are addresses of constants, variables or functions.

    Relocations tell, where there are any; else it is the value, and numbers that look like addresses are rare, because
    an image that is not relocated begins at 4 MiB (64 KiB on arm64).
    """
    a, b = x.view(np.int64), y.view(np.int64)
    out = np.zeros(a.shape, dtype=np.bool_)
    near = (a >= equivalence.old.lowest) & (a < equivalence.old.highest)
    if equivalence.old.image.elf.dynamic:
        near &= contains(equivalence.old.relocated, at)
    rows = np.flatnonzero(near)
    if not rows.size:
        return out
    ours, theirs = equivalence.old.regions(a[rows]), equivalence.new.regions(b[rows])
    found = (ours == theirs) & ((ours == READONLY) | (ours == WRITABLE))
    # Nothing points into the function table, which is a third of a program: what seems to is a number.
    found &= ~equivalence.old.in_function_table(a[rows]) & ~equivalence.new.in_function_table(b[rows])
    # What is not aligned is text, and its length stands behind it; else it is a number like 0x492492.
    length = _word(equivalence.old, at[rows] + 8)
    text = (ours == READONLY) & (length > 0) & (length <= MAX_LENGTH)
    found &= (a[rows] % 8 == 0) | text
    if not equivalence.old.image.elf.dynamic:
        # A number that is the same on both sides, such as 0x1000000, is an address only if a variable begins there on both.
        found &= (ours != WRITABLE) | (a[rows] != b[rows]) | equivalence.begin_variables(a[rows], b[rows])
    code = np.flatnonzero((ours == TEXT) & (theirs == TEXT))
    owner = equivalence.old.text.index(a[rows[code]])
    found[code] = equivalence.old.text.entry[owner] == a[rows[code]]
    out[rows] = found
    return out


def same_pointers(equivalence: Comparison, a: I64, b: I64) -> Bools:
    """Whether the words `a[i]` and `b[i]` are addresses that mean the same, shape (k,)."""
    verdict, follow = _pointers(equivalence, a, b, np.full(a.shape, -1, dtype=np.int64))
    rows = np.flatnonzero(follow)
    if rows.size:
        verdict[rows] = same(equivalence, a[rows], b[rows])
    return verdict


def _spread(bad: set[int], edges: list[tuple[int, int]]) -> None:
    """What refers to something that differs, differs."""
    users: dict[int, list[int]] = {}
    for source, target in edges:
        users.setdefault(target, []).append(source)
    queue = list(bad)
    while queue:
        for user in users.get(queue.pop(), ()):
            if user not in bad:
                bad.add(user)
                queue.append(user)


def _examine(equivalence: Comparison, old: I64, new: I64, need: I64) -> tuple[list[int], list[tuple[int, int, int]]]:
    """One look at each pair: those that differ, and the pairs of pointers (source, old, new) that remain to follow."""
    first = _word(equivalence.old, old).view(np.int64), _word(equivalence.new, new).view(np.int64)
    code = equivalence.functions(*first)
    rows = np.flatnonzero(code)
    # A word that leads to a function's entry is a function value; one that leads into it begins a jump table.
    into = np.zeros(old.shape, dtype=np.bool_)
    into[rows] = equivalence.old.text.entry[equivalence.old.text.index(first[0][rows])] != first[0][rows]
    rows = np.flatnonzero(into)
    failed = rows[~_jump_tables(equivalence, old[rows], new[rows])].tolist() if rows.size else []
    links: list[tuple[int, int, int]] = []
    count = _count(equivalence, old, new, need)
    rows = np.flatnonzero(code & ((need == -1) | (need == TO_NEXT)) & (equivalence.left_of_symbol(old, new) < 0))
    alone = ~(like_dictionary(equivalence.old, old[rows]) & like_dictionary(equivalence.new, new[rows]))
    count[rows[alone]] = 1
    address = (equivalence.old.regions(first[0]) != NOWHERE) & (equivalence.new.regions(first[1]) != NOWHERE)
    # What is copied in whole words may hold addresses further on; a string then fails at its first word that differs.
    text = (need >= 0) & ~address & ~_external(equivalence, old, new) & ((need % 8 != 0) | (need < 16))
    failed += np.flatnonzero(text & ~into).tolist()
    rows = np.flatnonzero(~into & ~text)
    for part in _words(equivalence, old[rows], new[rows], count[rows]):
        wrong, follow = _differing(equivalence, part)
        failed += rows[distinct(part.row[wrong])].tolist()
        rest = follow[~contains(distinct(part.row[wrong]), part.row[follow])]
        links += zip(rows[part.row[rest]].tolist(), part.x[rest].tolist(), part.y[rest].tolist(), strict=True)
    return failed, links


def _count(equivalence: Comparison, old: I64, new: I64, need: I64) -> I64:
    """Words that belong to each pair of constants, shape (k,): what is known of their size, else what is likely."""
    count = np.where(need > 0, -(-need // 8), -(-equivalence.reach(old, new) // 8))
    count[need == -1] = np.minimum(count[need == -1], WORDS)
    rows = np.flatnonzero(need == DICTIONARY)
    if rows.size:
        # An empty one is where something else begins, or a number.
        entries = np.minimum(_entries(equivalence.old, old[rows]), _entries(equivalence.new, new[rows]))
        count[rows] = np.minimum(count[rows], entries)
    left = equivalence.left_of_symbol(old, new)
    out: I64 = np.where((need <= 0) & (left > 0), -(-left // 8), count)
    return out


def _entries(side: Side, addresses: I64) -> I64:
    """Words of the dictionaries at `addresses`, shape (k,): up to the first that is a number."""
    words = _word(side, (addresses[:, None] + 8 * np.arange(MAX_ENTRIES)).ravel()).view(np.int64)
    places = ((side.regions(words) != NOWHERE) | (words == 0)).reshape(addresses.size, -1)
    run: I64 = np.logical_and.accumulate(places, axis=1).sum(axis=1)
    return run


def like_dictionary(side: Side, addresses: I64) -> Bools:
    """Whether what begins with functions at `addresses` goes on with a constant, such as a type, shape (k,).

    A function value is one word, and others stand behind it. A dictionary has the methods of type parameters first.
    """
    words = _word(side, (addresses[:, None] + 8 * np.arange(WORDS)).ravel()).view(np.int64)
    regions = side.regions(words).reshape(addresses.size, WORDS)
    other = regions != TEXT
    first = regions[np.arange(addresses.size), np.argmax(other, axis=1)]
    out: Bools = other.any(axis=1) & (first == READONLY)
    return out


def _differing(equivalence: Comparison, words: _Words) -> tuple[I64, I64]:
    """Which of `words` mean something else, and which are pointers to constants that remain to be followed."""
    outside = _external(equivalence, words.at, words.there)
    rest = np.flatnonzero((words.x != words.y) | outside | _addresses(equivalence, words.at, words.x, words.y))
    at, there = words.at[rest], words.there[rest]
    length, other = _word(equivalence.old, at + 8), _word(equivalence.new, there + 8)
    more = np.append(words.row[1:] == words.row[:-1], False)[rest]  # what is behind the end is no length
    sized = more & (length == other) & (length > 0) & (length <= MAX_LENGTH)
    # Behind a pointer may stand another one, which is no length.
    large = np.flatnonzero(sized & (length > SHORT))
    sized[large] = equivalence.old.regions(length[large].view(np.int64)) == NOWHERE
    same, follow = _pointers(
        equivalence,
        words.x[rest].view(np.int64),
        words.y[rest].view(np.int64),
        np.where(sized, length.view(np.int64), -1),
    )
    same |= _same_external(equivalence, at, there)
    return rest[~same & ~follow], rest[~same & follow]


def _pointers(equivalence: Comparison, a: I64, b: I64, length: I64) -> tuple[Bools, Bools]:
    """(known to mean the same, worth following: constants on both sides), shapes (k,)."""
    ours, theirs = equivalence.old.regions(a), equivalence.new.regions(b)
    out: Bools = (ours == TEXT) & (theirs == TEXT) & equivalence.functions(a, b)
    rows = np.flatnonzero((ours == WRITABLE) & (theirs == WRITABLE))
    out[rows] = equivalence.variables(a[rows], b[rows], strict=False, values=False)
    rows = np.flatnonzero((ours == READONLY) & (theirs == READONLY))
    p, q = a[rows], b[rows]
    left = equivalence.left_of_symbol(p, q)
    count = np.where(length[rows] > 0, length[rows], np.where(left >= 0, left, np.minimum(equivalence.reach(p, q), 64)))
    out[rows] = equivalence.types(p, q) | equivalence.itabs(p, q) | equivalence.equal_bytes(p, q, count)
    follow = np.zeros(a.shape, dtype=np.bool_)
    rows = rows[~out[rows] & (length[rows] < 0)]
    p, q = a[rows], b[rows]
    # Of two descriptors, no further look shows that they are of one type.
    follow[rows] = ~(
        type_hash(equivalence.old, p)[1]
        | type_hash(equivalence.new, q)[1]
        | is_itab(equivalence.old, p)
        | is_itab(equivalence.new, q)
    )
    return out, follow


def _external(equivalence: Comparison, old: I64, new: I64) -> Bools:
    """Words that the loader fills in."""
    return contains(equivalence.old.external, old) | contains(equivalence.new.external, new)


def _same_external(equivalence: Comparison, old: I64, new: I64) -> Bools:
    ours, theirs = equivalence.old.image.external, equivalence.new.image.external
    out = contains(equivalence.old.external, old) & contains(equivalence.new.external, new)
    for row in np.flatnonzero(out).tolist():
        out[row] = ours[int(old[row])] == theirs[int(new[row])]
    return out


def _jump_tables(equivalence: Comparison, old: I64, new: I64) -> Bools:
    """Whether tables of addresses in the middle of functions, at `old[i]` and `new[i]`, have the same cases, shape (k,).

    A table goes on for as long as its words lead into the same function.
    """
    owner = equivalence.old.text.index(_word(equivalence.old, old).view(np.int64))
    start, end = equivalence.old.text.entry[owner][:, None], equivalence.old.text.end[owner][:, None]
    out = np.ones(old.shape, dtype=np.bool_)
    rows = np.arange(old.size)
    for first, last in ((1, FEW_CASES), (FEW_CASES, MAX_CASES)):
        at = 8 * np.arange(first, last)
        ours = _word(equivalence.old, (old[rows, None] + at).ravel()).view(np.int64).reshape(rows.size, -1)
        theirs = _word(equivalence.new, (new[rows, None] + at).ravel()).view(np.int64).reshape(rows.size, -1)
        cases = np.logical_and.accumulate((ours > start[rows]) & (ours < end[rows]), axis=1)
        same = equivalence.functions(ours[cases], theirs[cases])
        out[rows[np.nonzero(cases)[0][~same]]] = False
        rows = rows[cases[:, -1] & out[rows]]
        if not rows.size:
            break
    return out


def _word(side: Side, addresses: I64) -> npt.NDArray[np.uint64]:
    return side.words_at(addresses)

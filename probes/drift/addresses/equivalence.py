"""Whether an address in OLD and an address in NEW mean the same.

Functions by their pairing, named data by name, variables of stripped programs by what was learned, types by their hash,
itabs by the hashes of their pair, function values by their function, everything else that is read-only by contents.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from probes.arrays import contains, distinct
from probes.drift.addresses import assertion_caches, literals
from probes.drift.addresses.bytes_read import DICTIONARY
from probes.drift.addresses.descriptors import is_itab, type_hash
from probes.drift.addresses.local_types import LocalTypes
from probes.drift.addresses.same_layout import nothing_moved
from probes.drift.addresses.variable_votes import Correspondence
from probes.drift.arch.code import TO_NEXT
from probes.drift.arch.windows import LEA
from probes.drift.side import FOREIGN, NOWHERE, READONLY, TEXT, WRITABLE, Side
from probes.elf.image import I64

Bools = npt.NDArray[np.bool_]

ENOUGH = 64
"""Equal bytes that settle identity where nothing says how many count."""
TYPE_BYTES = 136
"""The largest fixed part of a descriptor, a map's (abi.SwissMapType)."""
VECTOR_BYTES = 256
"""Beyond so many bytes, few references are left, and each is compared by itself."""
MAX_NEED = 1 << 20
MAX_ALIGN = 32
"""thearch.Maxalign of the linker, on amd64 and arm64."""
LOOK_AHEAD = 1 << 16
"""Bytes of an unsized constant that are compared when nothing else begins before."""


class Equivalence:
    """Compares addresses of two sides.

    Args:
        old, new: the sides.
        pair: for each function of OLD its partner's index in NEW, -1 without one; int64, shape (n_old,).
    """

    def __init__(self, old: Side, new: Side, pair: I64) -> None:
        self.old, self.new, self.pair = old, new, pair
        self.unmoved = nothing_moved(old, new, pair)
        self.correspondence = Correspondence(*(np.zeros(0, dtype=np.int64),) * 3, identity=self.unmoved)
        self.local_types = LocalTypes(old, new)
        self._starts: tuple[I64, I64] | None = None
        self._texts: tuple[I64, I64] = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        self.read_starts: I64 = np.zeros(0, dtype=np.int64)
        """Read-only addresses in OLD that code reads without taking them, sorted."""
        self._names: tuple[I64, I64] | None = None
        self.users: tuple[I64, I64] = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        """Addresses of variables in NEW that code refers to, and the rows of the functions that do."""

    def functions(self, old: I64, new: I64) -> Bools:
        """Whether text addresses are the same place of the same function."""
        a, b = self.old.text.index(old), self.new.text.index(new)
        good = (a >= 0) & (b >= 0)
        a, b = np.where(good, a, 0), np.where(good, b, 0)
        out: Bools = good & (self.pair[a] == b) & (old - self.old.text.entry[a] == new - self.new.text.entry[b])
        return out

    def functions_of_text(self, old: I64, new: I64) -> tuple[Bools, Bools]:
        """As `functions`, where all addresses lie in the text of their side; and which of OLD's are an entry."""
        a, b = self.old.text.owners(old), self.new.text.owners(new)
        offset = old - self.old.text.entry[a]
        same: Bools = (self.pair[a] == b) & (offset == new - self.new.text.entry[b])
        return same, offset == 0

    def learn(self, old: I64, new: I64, voters: I64) -> None:
        """Take references at the same place of paired functions as votes for which variable is which."""
        self.correspondence = Correspondence(old, new, voters, identity=self.unmoved)

    def same(self, old: I64, new: I64, kind: npt.NDArray[np.uint8], need: I64, *, strict: bool = True) -> Bools:
        """Whether `old[i]` and `new[i]` mean the same, shape (k,).

        Args:
            old: addresses in OLD.
            new: addresses in NEW.
            kind: what refers to them (see `windows`).
            need: bytes of the target that are used, -1 when unknown.
            strict: when unsure, say no. Without it the operands are known to be real, so that "unsure" means that
                no evidence speaks against them.
        """
        ours, theirs = self.old.regions(old), self.new.regions(new)
        # A constant at the very start of its region is that constant, not the start.
        out: Bools = self._boundary(old, new) & ~((ours == READONLY) & (theirs == READONLY))
        text = (ours == TEXT) & (theirs == TEXT)
        out |= text & self.functions(old, new)
        rows = np.flatnonzero((ours == theirs) & ((ours == WRITABLE) | (ours == FOREIGN)))
        out[rows] |= self.variables(old[rows], new[rows], strict=strict)
        rows = np.flatnonzero((ours == READONLY) & (theirs == READONLY) & ~out)
        out[rows] = self.constants(old[rows], new[rows], kind[rows], need[rows], strict=strict)
        if not strict:
            out |= (ours == NOWHERE) & (theirs == NOWHERE) & (old == new)
        return out

    def _boundary(self, old: I64, new: I64) -> Bools:
        ours, theirs = self.old.boundaries, self.new.boundaries
        out = np.zeros(old.shape, dtype=np.bool_)
        for row in np.flatnonzero(contains(np.sort(np.fromiter(ours, dtype=np.uint64).view(np.int64)), old)).tolist():
            out[row] = ours[int(old[row])] == theirs.get(int(new[row]), "")
        return out

    def variables(self, old: I64, new: I64, *, strict: bool, values: bool = True) -> Bools:
        """Whether writable addresses are the same variable; without `strict`, equal initial `values` speak for it.

        A variable may lead to itself: what looks at its value must not ask for the values of what that leads to.
        """
        named, both = self.by_name(old, new)
        out = self.correspondence.same(old, new)
        cached = np.flatnonzero(
            ~both & assertion_caches.is_cache(self.old, old) & assertion_caches.is_cache(self.new, new)
        )
        if not strict:
            out |= ~self.correspondence.contradicts(old, new) & (self._like(old, new) if values else True)
        # The place of a cache in the code is that of the assertion: only what is asserted counts.
        out[cached] = assertion_caches.same(self.old, old[cached], self.new, new[cached])
        return np.where(both, named, out)

    def _like(self, old: I64, new: I64) -> Bools:
        """Whether initial values agree, or at least one side has none in the file."""
        a, b = self.old.image.offsets(old, 8), self.new.image.offsets(new, 8)
        both = (a >= 0) & (b >= 0)
        one = (a >= 0) ^ (b >= 0)
        x, y = self.old.unaligned[np.where(both, a, 0)], self.new.unaligned[np.where(both, b, 0)]
        same = x == y
        rows = np.flatnonzero(both & ~same)
        if rows.size:
            same[rows] = literals.same_pointers(self, x[rows].view(np.int64), y[rows].view(np.int64))
        out: Bools = ~one & (~both | same)
        return out

    def by_name(self, old: I64, new: I64) -> tuple[Bools, Bools]:
        """(same name and offset, both have a name), shapes (k,)."""
        ours, theirs = self.old.symbols, self.new.symbols
        if ours is None or theirs is None or not ours.names or not theirs.names:
            none = np.zeros(old.shape, dtype=np.bool_)
            return none, none
        if self._names is None:
            ids: dict[str, int] = {}
            self._names = (
                np.array([ids.setdefault(n, len(ids)) for n in ours.lasting_names()], dtype=np.int64),
                np.array([ids.setdefault(n, len(ids)) for n in theirs.lasting_names()], dtype=np.int64),
            )
        a, b = ours.find(old), theirs.find(new)
        both = (a >= 0) & (b >= 0)
        a, b = np.where(both, a, 0), np.where(both, b, 0)
        both &= ~(ours.numbered[a] | theirs.numbered[b])
        same = (self._names[0][a] == self._names[1][b]) & (old - ours.start[a] == new - theirs.start[b])
        return both & same, both

    def begin_variables(self, old: I64, new: I64) -> Bools:
        """Whether variables are known to begin at both addresses: by their symbols, or because code refers to them."""
        known = [contains(self.correspondence.old, old), self.correspondence.backward(new) >= 0]
        for row, (side, addresses) in enumerate(((self.old, old), (self.new, new))):
            if side.symbols is not None and side.symbols.names:
                known[row] |= contains(side.symbols.start, addresses)
        out: Bools = (known[0] & known[1]) | self.correspondence.identity
        return out

    def left_of_symbol(self, old: I64, new: I64) -> I64:
        """Bytes up to the end of the symbols that hold the addresses, of the longer one; -1 where either has none.

        What has a symbol of its own has a length, whatever the symbols are called.
        """
        out = np.full(old.shape, -1, dtype=np.int64)
        ours, theirs = self.old.symbols, self.new.symbols
        if ours is None or theirs is None or not ours.names or not theirs.names:
            return out
        a, b = ours.find(old), theirs.find(new)
        both = (a >= 0) & (b >= 0)
        a, b = np.where(both, a, 0), np.where(both, b, 0)
        left = np.maximum(ours.end[a] - old, theirs.end[b] - new)
        out[both] = left[both]
        return out

    def constants(self, old: I64, new: I64, kind: npt.NDArray[np.uint8], need: I64, *, strict: bool) -> Bools:
        """Whether read-only addresses lead to the same contents; arguments as for `same`."""
        out: Bools = self.types(old, new) | self.itabs(old, new)
        if strict:  # a number beside it may have been taken for a string's length
            need = np.where((kind == LEA) & (need >= 0) & literals.begin_with_addresses(self, old, new), -1, need)
        # The same name is not enough: what it stands for may have been edited. But it tells the size.
        left = self.left_of_symbol(old, new)
        need = np.where((need < 0) & (left >= 0) & (kind == LEA), left, need)
        rest = np.flatnonzero(~out)
        if rest.size:
            wanted = self._wanted(old[rest], new[rest], kind[rest], need[rest], strict=strict)
            equal = self.equal_bytes(old[rest], new[rest], wanted)
            # Equal bytes may still be addresses of something that changed: the text behind an interface, a function.
            equal &= (need[rest] != DICTIONARY) & ~literals.holds_addresses(self, old[rest], new[rest], wanted)
            out[rest] = equal
            rest = rest[~equal]
        if rest.size:
            limit = np.where(strict & (need[rest] == -1) & (kind[rest] == LEA), TO_NEXT, need[rest])
            out[rest] = literals.same(self, old[rest], new[rest], limit)
            rest = rest[~out[rest]]
        if rest.size:
            out[rest] = self._inside_types(old[rest], new[rest])
        return out

    def _inside_types(self, old: I64, new: I64) -> Bools:
        """Whether addresses lead to the same place inside of descriptors of one type (reflect copies prototypes)."""
        # A descriptor at the address itself settles the matter; its neighbours may well be the same on both sides.
        free = ~(type_hash(self.old, old)[1] | type_hash(self.new, new)[1])
        back = np.arange(8, TYPE_BYTES, 8)[:, None]
        found = self.types((old - back).ravel(), (new - back).ravel()).reshape(-1, old.size)
        out: Bools = free & np.logical_or.reduce(found)
        return out

    def _wanted(self, old: I64, new: I64, kind: npt.NDArray[np.uint8], need: I64, *, strict: bool) -> I64:
        """How many bytes must be equal: what is used, else up to where the next thing begins."""
        limit = np.full(old.shape, LOOK_AHEAD if strict else ENOUGH, dtype=np.int64)
        limit[need == TO_NEXT] = LOOK_AHEAD
        limit = np.minimum(limit, self.reach(old, new))
        # Before decoding, a load may be of any width, whatever begins behind its address.
        limit[kind != LEA] = ENOUGH
        return np.where(need >= 0, np.minimum(need, MAX_NEED), np.maximum(limit, 1))

    def note_starts(self, old: I64, new: I64) -> None:
        """Note addresses of either side that code takes: something begins there. Shapes (k,) and (m,)."""
        ours, theirs = self.starts
        self._starts = distinct(np.concatenate((ours, old))), distinct(np.concatenate((theirs, new)))

    def note_texts(self, old: I64, length: I64) -> None:
        """Note strings in OLD whose length the code beside them says."""
        order = np.argsort(old, kind="stable")
        self._texts = old[order], length[order]

    def text(self, old: I64, new: I64) -> I64:
        """Bytes of the string at `old[i]`, where those whose length is known tell; else 1. Shape (k,).

        The linker sorts Go's strings by length (cmd/link/internal/ld/data.go, dodataSect). So one is at least as long as those
        before it, at most as long as those behind it, and alone up to the next start where two would not fit.
        """
        places, lengths = self._texts
        reach = self.reach(old, new)
        if not places.size:
            return np.ones(old.shape, dtype=np.int64)
        after = np.searchsorted(places, old, side="right")
        inside = (after > 0) & (after < places.size)
        least, most = lengths[np.maximum(after - 1, 0)], lengths[np.minimum(after, places.size - 1)]
        out: I64 = np.where(inside & (least <= reach) & (reach <= most) & (reach < 2 * least), reach, 1)
        return out

    @property
    def starts(self) -> tuple[I64, I64]:
        """Read-only addresses of either side at which something is known to begin, sorted."""
        if self._starts is None:
            self._starts = self.old.data_starts, self.new.data_starts
        return self._starts

    def reach(self, old: I64, new: I64) -> I64:
        """Bytes up to where, on either side, something else is known to begin; `LOOK_AHEAD` at most."""
        out: I64 = np.minimum(*self._distances(old, new))
        return out

    def _distances(self, old: I64, new: I64) -> tuple[I64, I64]:
        """Bytes up to where something else is known to begin on either side; `LOOK_AHEAD` at most."""
        out = []
        for starts, addresses in zip(self.starts, (old, new), strict=True):
            distance = np.full(addresses.shape, LOOK_AHEAD, dtype=np.int64)
            if starts.size:
                after = np.searchsorted(starts, addresses, side="right")
                found = starts[np.minimum(after, starts.size - 1)] - addresses
                distance = np.where(after < starts.size, np.minimum(distance, found), distance)
            out.append(distance)
        return out[0], out[1]

    def ends_alike(self, old: I64, new: I64) -> Bools:
        """Whether a difference behind read-only addresses is one of what begins there, shape (k,).

        It is where both sides know something else to begin at the same distance, the first differing byte comes before
        that, and no code reads it by an address of its own.
        """
        reach = [np.where(d < LOOK_AHEAD, d, -i) for i, d in enumerate(self._distances(old, new), start=1)]
        out: Bools = reach[0] == reach[1]
        for row in np.flatnonzero(out).tolist():
            x, y, size = int(old[row]), int(new[row]), int(reach[0][row])
            ours, theirs = self.old.contents(x, size), self.new.contents(y, size)
            both = min(ours.size, theirs.size)
            places = np.flatnonzero(ours[:both] != theirs[:both])
            first = x + int(places[0]) if places.size else x
            at = int(np.searchsorted(self.read_starts, first, side="right")) - 1
            text = ours[: first - x].tobytes()
            if len(text) > 1 and b"\0" not in text and text.isascii() and text.decode().isprintable():
                out[row] = False  # Go's strings are sorted by their lengths: those around have the same by nature
                continue
            out[row] = at < 0 or not x < int(self.read_starts[at]) or int(self.read_starts[at]) + ENOUGH <= first
        return out

    def aligned(self, old: I64, new: I64) -> I64:
        """Bytes of a read-only datum by its alignment, where that goes as far as its end at most; else 1. Shape (k,).

        The linker aligns a datum of 2, 4, 8, 16 or 32 bytes to its size (cmd/link/internal/ld/data.go, symalign) and sorts
        by size, so that no gap is within. Text is not aligned, but for chance.
        """
        reach = self.reach(old, new)
        if self.read_starts.size:
            after = np.searchsorted(self.read_starts, old, side="right")
            distance = self.read_starts[np.minimum(after, self.read_starts.size - 1)] - old
            reach = np.where(after < self.read_starts.size, np.minimum(reach, distance), reach)
        fits = (reach > 1) & (reach <= MAX_ALIGN) & (reach & (reach - 1) == 0) & ((old | new) & (reach - 1) == 0)
        out: I64 = np.where(fits, reach, 1)
        return out

    def equal_bytes(self, old: I64, new: I64, count: I64) -> Bools:
        """Whether `count[i]` bytes at `old[i]` and `new[i]` are equal, shape (k,)."""
        a, b = self.old.image.offsets(old, 1), self.new.image.offsets(new, 1)
        out: Bools = (a >= 0) & (b >= 0)
        x, y = self.old.unaligned, self.new.unaligned
        done = 0
        active = np.flatnonzero(out)
        while active.size and done < VECTOR_BYTES:
            p, q = a[active] + done, b[active] + done
            inside = (p < x.size) & (q < y.size)
            left = np.minimum(count[active] - done, 8)
            shift = ((8 - left) * 8).astype(np.uint64)
            differ = (x[np.where(inside, p, 0)] ^ y[np.where(inside, q, 0)]) << shift
            bad = (differ != 0) | ~inside
            out[active[bad]] = False
            done += 8
            active = active[~bad & (count[active] > done)]
        ours, theirs = self.old.image.buffer, self.new.image.buffer
        for row in active.tolist():
            first, second, size = int(a[row]) + done, int(b[row]) + done, int(count[row]) - done
            out[row] = ours[first : first + size] == theirs[second : second + size]
        return out

    def types(self, old: I64, new: I64) -> Bools:
        """Whether the addresses are descriptors of the same type, by hash and kind; local types by what they are made of."""
        a, known = type_hash(self.old, old)
        b, also = type_hash(self.new, new)
        out: Bools = known & also & (a == b)
        rows = np.flatnonzero(known & also & ~out & (a >> np.uint64(32) == b >> np.uint64(32)))
        if rows.size:
            out[rows] = self.local_types.same(old[rows], new[rows])
        return out

    def itabs(self, old: I64, new: I64) -> Bools:
        """Whether the addresses are itabs of the same pair (abi.ITab: inter *InterfaceType, type *Type, ...)."""
        rows = np.flatnonzero(is_itab(self.old, old) & is_itab(self.new, new))
        out = np.zeros(old.shape, dtype=np.bool_)
        if rows.size:
            p, q = old[rows], new[rows]
            same = np.ones(rows.shape, dtype=np.bool_)
            for at in (0, 8):
                a = self.old.words_at(p + at).view(np.int64)
                b = self.new.words_at(q + at).view(np.int64)
                same &= self.types(a, b)
            out[rows] = same
        return out

"""Pair the functions of two tables: by name, then twins whose names had to change.

Closures, method wrappers and init functions carry numbers that move when one is added before them; a renamed function
keeps its code. Such twins are found by their code with everything left out that moving changes.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from operator import ne
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from probes.drift.arch.architecture import architecture
from probes.drift.arch.code import CALL
from probes.drift.functions.numbered_names import common, family, siblings
from probes.drift.side import Side
from probes.elf.image import I64
from probes.go.table.functions import package_of

MIN_TWIN = 4
"""Bytes. An empty body proves nothing; any other that is left over alone on both sides of one package does."""

if TYPE_CHECKING:
    from probes.drift.arch.code import Code

_CGO = re.compile(r"_cgo_[0-9a-f]{12}_")


class Pairing(Struct, frozen=True):
    """`pair[i]`: partner in NEW of function i of OLD, -1 without one; `back` the other way; int64.

    `renamed`: rows of OLD whose partner has another name.
    """

    pair: I64
    back: I64
    renamed: tuple[int, ...]


def match(old: Side, new: Side) -> Pairing:
    """Pair the functions of both sides one to one."""
    matcher = _Matcher(old, new)
    matcher.by_name()
    matcher.by_family()
    matcher.by_code()
    rows = np.flatnonzero(matcher.pair >= 0)
    partners = matcher.pair[rows]
    names, others = old.table.names, new.table.names
    found = map(matcher.ours.__getitem__, rows.tolist()), map(matcher.theirs.__getitem__, partners.tolist())
    renamed = rows[np.fromiter(map(ne, *found), np.bool_, rows.size)].tolist()
    return Pairing(matcher.pair, matcher.back, tuple(r for r in renamed if names[r] != others[int(matcher.pair[r])]))


def _keys(side: Side) -> list[str]:
    """Names, without the hash of the source file that cgo writes into some, and without the path of a plugin.

    A program can load two plugins only if their paths differ.
    """
    names = side.table.names
    build = side.facts.build
    if side.facts.linkage == "plugin" and build is not None and build.path:
        folder, slash, last = build.path.rpartition("/")
        own = f"{folder}{slash}{last.replace('.', '%2e')}."
        names = [f"plugin.{n[len(own) :]}" if n.startswith(own) else n for n in names]
    if b"_cgo_" not in side.table.name_bytes:
        return names
    return [_CGO.sub("_cgo_", n) if "_cgo_" in n else n for n in names]


def _later(names: list[str], last: dict[str, int]) -> set[str]:
    """The names that several functions have; `last`: where each name is last."""
    if len(last) == len(names):
        return set()
    place = np.fromiter(map(last.__getitem__, names), np.int64, len(names))
    return {names[index] for index in np.flatnonzero(place != np.arange(place.size)).tolist()}


class _Bodies:
    """The code of functions with every PC-relative operand zeroed: what stays when a function moves."""

    def __init__(self, side: Side, label: bytes) -> None:
        self.side = side
        self._label = label
        self.apart: set[int] = set()
        """Rows that stand for themselves alone, whatever their code is."""
        self._known: dict[int, bytes] = {}
        self._callees: dict[int, bytes] = {}

    def want(self, rows: Iterable[int]) -> None:
        """Prepare those of `rows` at once, which costs less than one by one."""
        missing = [row for row in dict.fromkeys(rows) if row not in self._known and row not in self.apart]
        codes = [_code(self.side, row) for row in missing]
        self._known.update(zip(missing, architecture(self.side.image.arch).bare(codes), strict=True))

    def __getitem__(self, row: int) -> bytes:
        if row in self.apart:
            return b"%s %d" % (self._label, row)
        if row not in self._known:
            self.want([row])
        return self._known[row]

    def want_callees(self, rows: Iterable[int]) -> None:
        """Prepare `callees` of rows at once."""
        arch, rows = architecture(self.side.image.arch), list(rows)
        codes = [arch.code(_code(self.side, row), int(self.side.text.entry[row])) for row in rows]
        arch.find_targets(codes)
        for row, code in zip(rows, codes, strict=True):
            self._callees[row] = self._called(code)

    def callees(self, row: int) -> bytes:
        """The names of the functions that are called by the code, without numbers."""
        return self._callees[row]

    def _called(self, code: Code) -> bytes:
        targets = np.array([target for _, kind, target in code.targets() if kind == CALL], dtype=np.int64)
        names = [self.side.table.names[callee] for callee in self.side.text.index(targets).tolist() if callee >= 0]
        return "\0".join(["", *(family(name) or name for name in names)]).encode()


def _code(side: Side, row: int) -> bytes:
    return side.image.bytes(int(side.text.entry[row]), int(side.text.size[row])).tobytes()


def _repeated(bodies: Iterable[bytes]) -> set[bytes]:
    """The bodies that several have."""
    return {body for body, number in Counter(bodies).items() if number > 1}


def _line(bodies: _Bodies, row: int) -> int:
    return int(bodies.side.table.start_line[row])


def _kind(bodies: _Bodies, row: int) -> int:
    return int(bodies.side.table.func_id[row])


_LIKENESS: tuple[Callable[[_Bodies, int], Hashable], ...] = (
    lambda bodies, row: (bodies[row], _kind(bodies, row), _line(bodies, row)),
    lambda bodies, row: (bodies[row], _kind(bodies, row)),
    lambda bodies, row: (_kind(bodies, row), _line(bodies, row)),
    _kind,
)
"""What makes two of several functions of one name the same one, best first. Wrappers share their target's name."""


class _Matcher:
    """The pairing while it grows."""

    def __init__(self, old: Side, new: Side) -> None:
        self.old, self.new = old, new
        self.bodies = _Bodies(old, b"OLD"), _Bodies(new, b"NEW")
        new.table.share_names(old.table)
        self.ours = _keys(old)
        self.theirs = self.ours if new.table.names is old.table.names else _keys(new)
        self.pair: I64 = np.full(len(self.ours), -1, dtype=np.int64)
        self.back: I64 = np.full(len(self.theirs), -1, dtype=np.int64)

    def join(self, row: int, other: int) -> None:
        self.pair[row], self.back[other] = other, row

    def by_name(self) -> None:
        """Pair functions of one name, one by one where several share it."""
        if self.ours == self.theirs and bool((self.old.text.size == self.new.text.size).all()):
            self.pair[:] = self.back[:] = np.arange(len(self.ours))
            return
        known = [dict(zip(names, range(len(names)), strict=True)) for names in (self.ours, self.theirs)]
        several = {
            name for names, last in zip((self.ours, self.theirs), known, strict=True) for name in _later(names, last)
        }
        shared = {name: (list[int](), list[int]()) for name in several if name in known[0] and name in known[1]}
        for at, names in enumerate((self.ours, self.theirs) if shared else ()):
            for index in np.flatnonzero(np.fromiter(map(shared.__contains__, names), np.bool_, len(names))).tolist():
                shared[names[index]][at].append(index)
        self.pair[:] = np.fromiter((known[1].get(name, -1) for name in self.ours), np.int64, len(self.ours))
        for rows, _ in shared.values():
            self.pair[rows] = -1
        joined = np.flatnonzero(self.pair >= 0)
        self.back[self.pair[joined]] = joined
        for at in range(2):
            self.bodies[at].want(row for group in shared.values() for row in group[at])
        for mine, others in shared.values():
            self._align(mine, others)

    def _align(self, rows: list[int], others: list[int]) -> None:
        left, right = list(rows), list(others)
        for likeness in _LIKENESS:
            by_key: dict[Hashable, list[int]] = defaultdict(list)
            for other in right:
                by_key[likeness(self.bodies[1], other)].append(other)
            kept = []
            for row in left:
                found = by_key.get(likeness(self.bodies[0], row))
                if found:
                    self.join(row, found.pop(0))
                else:
                    kept.append(row)
            left, right = kept, [other for other in right if self.back[other] < 0]
            if not left or not right:
                return

    def by_family(self) -> None:
        """Rearrange numbered siblings (closures, wrappers, init functions) where their set or a size changed."""
        paired = np.flatnonzero(self.pair >= 0)
        resized = paired[self.old.text.size[paired] != self.new.text.size[self.pair[paired]]]
        found = {family(self.ours[i]) for i in (*np.flatnonzero(self.pair < 0).tolist(), *resized.tolist())}
        found |= {family(self.theirs[i]) for i in np.flatnonzero(self.back < 0).tolist()}
        unsettled = {key for key in found if key is not None}
        if not unsettled:
            return
        groups: dict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for side, names in enumerate((self.ours, self.theirs)):
            for index in siblings(names, unsettled):
                key = family(names[index])
                if key in unsettled:
                    groups[key][side].append(index)
        for group in groups.values():
            self._leave_apart(group)
        for at, bodies in enumerate(self.bodies):
            bodies.want(row for group in groups.values() for row in group[at])
        old, new = self.bodies
        shared = {
            key: _repeated(old[row] for row in rows) | _repeated(new[row] for row in others)
            for key, (rows, others) in groups.items()
        }
        for at, bodies in enumerate(self.bodies):
            bodies.want_callees(row for key, group in groups.items() for row in group[at] if bodies[row] in shared[key])
        for key, (rows, others) in groups.items():
            self._regroup(rows, others, shared[key])
        for bodies in self.bodies:
            bodies.apart.clear()

    def _leave_apart(self, group: tuple[list[int], list[int]]) -> None:
        """Do not decode those of a family that have a size of their own: none of the other side's is their twin."""
        sizes = self.old.text.size[group[0]].tolist(), self.new.text.size[group[1]].tolist()
        for bodies, rows, own, others in zip(self.bodies, group, sizes, reversed(sizes), strict=True):
            known = set(others)
            bodies.apart.update(row for row, size in zip(rows, own, strict=True) if size not in known)

    def _regroup(self, rows: list[int], others: list[int], shared: set[bytes]) -> None:
        """Align two sequences of siblings by code, in source order; the rest stays paired by name.

        Where several have the same code, one of `shared`, those that call the same functions come first.
        """
        before = {row: int(self.pair[row]) for row in rows}
        self.pair[rows] = -1
        self.back[others] = -1
        old, new = self.bodies
        left = sorted(rows, key=lambda row: (_line(old, row), row))
        right = sorted(others, key=lambda row: (_line(new, row), row))
        ours = [(old[row], self.ours[row]) for row in left]
        theirs = [(new[row], self.theirs[row]) for row in right]
        if shared:
            calling = [
                (body + old.callees(row) if body in shared else body, name)
                for row, (body, name) in zip(left, ours, strict=True)
            ]
            called = [
                (body + new.callees(row) if body in shared else body, name)
                for row, (body, name) in zip(right, theirs, strict=True)
            ]
            self._align_sequences(left, right, calling, called)
            self._join_single(left, right, [body for body, _ in calling], [body for body, _ in called])
        self._align_sequences(left, right, ours, theirs)
        for row, other in before.items():
            if self.pair[row] < 0 and other >= 0 and self.back[other] < 0:
                self.join(row, other)

    def _align_sequences(
        self, left: list[int], right: list[int], ours: list[tuple[bytes, str]], theirs: list[tuple[bytes, str]]
    ) -> None:
        """Join the longest common subsequence of those that have no partner yet."""
        free = [i for i, row in enumerate(left) if self.pair[row] < 0]
        others = [j for j, other in enumerate(right) if self.back[other] < 0]
        for i, j in common([ours[i] for i in free], [theirs[j] for j in others]):
            self.join(left[free[i]], right[others[j]])

    def _join_single(self, left: list[int], right: list[int], ours: list[bytes], theirs: list[bytes]) -> None:
        """Join those without partner that are the only ones of their body on either side, wherever they are."""
        found: dict[bytes, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for at, (rows, bodies, partner) in enumerate(((left, ours, self.pair), (right, theirs, self.back))):
            for row, body in zip(rows, bodies, strict=True):
                if partner[row] < 0:
                    found[body][at].append(row)
        for rows, others in found.values():
            if len(rows) == len(others) == 1:
                self.join(rows[0], others[0])

    def by_code(self) -> None:
        """Pair what is left over on both sides where the code is the same, and the only such in its package: renamed."""
        left = [r for r in np.flatnonzero(self.pair < 0).tolist() if int(self.old.text.size[r]) >= MIN_TWIN]
        right = [r for r in np.flatnonzero(self.back < 0).tolist() if int(self.new.text.size[r]) >= MIN_TWIN]
        likely: dict[tuple[str, int], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for at, (side, names, rows) in enumerate(((self.old, self.ours, left), (self.new, self.theirs, right))):
            for row, size in zip(rows, side.text.size[rows].tolist(), strict=True):
                likely[package_of(names[row]), size][at].append(row)
        groups = [group for group in likely.values() if all(group)]
        for at, bodies in enumerate(self.bodies):
            bodies.want(row for group in groups for row in group[at])
        for group in groups:
            found: dict[bytes, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
            for at, rows in enumerate(group):
                for row in rows:
                    found[self.bodies[at][row]][at].append(row)
            for rows, others in found.values():
                if len(rows) == len(others) == 1:
                    self.join(rows[0], others[0])

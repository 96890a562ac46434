"""Where the comparison of data begins: variables by name, or, in stripped programs, the data between known places."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from probes.arrays import distinct
from probes.drift.arch.architecture import architecture
from probes.drift.data.facts import UndecidedData
from probes.drift.data.walk import Difference, Ground, Piece, Walk
from probes.drift.side import Side
from probes.elf.image import I64
from probes.go.buildinfo.fips import fips_info

if TYPE_CHECKING:
    from collections.abc import Sequence

    from probes.drift.addresses.equivalence import Equivalence
    from probes.drift.variables.compare import Variables

MAX_LOOKS, MAX_EDGES, MAX_USERS = 4, 200, 20
"""Times that links are looked at again, links that are looked at, and functions that are decoded for each."""
WORD = 8
SHIFTS = tuple(sign * step for step in (8, 16, 24, 32, 40, 48, 56, 64, 4, 2, 1) for sign in (1, -1))
"""Bytes that data may have moved by within a run: sizes of small variables, up to the largest alignment."""
MAX_TOLD = 16
"""Words of one run; where more differ, something moved in a way that was not found out."""
MAX_IMMEDIATE = 4
"""Bytes of a constant behind an amd64 operand, which the operand counts from: a link may be so far before its variable."""
MAX_LONE = 24
"""Bytes that are looked at of a variable whose size nothing tells: the largest header, a slice's."""
MAX_VALUE = 1 << 26
"""Bytes; a larger variable is not compared."""

OF_THE_BUILD = frozenset({
    "runtime.buildVersion",
    "runtime.defaultGOROOT",
    "runtime.godebugDefault",
    "runtime.modinfo",
    "runtime.runtime_inittasks",
    "internal/buildcfg.DefaultGOROOT",
})  # fmt: skip
"""Variables into which the linker writes what build, modules and GODEBUG are compared by."""

POINTERS = 1
"""Of `ModuleData.data`: the section of variables with pointers."""
INITIALISED = (0, 1)
"""Of `variables.KINDS`: sections with initial values."""


class Root(Struct, frozen=True):
    """A variable, or unnamed data. `row`: of the variable in either table, -1 without one; addresses and bytes."""

    name: str
    package: str
    old: int
    new: int
    size: int
    rows: tuple[int, int] = (-1, -1)
    lone: bool = False
    """It has an initial value on one side alone."""


def named(variables: Variables) -> tuple[list[Root], list[UndecidedData], int]:
    """The variables that have an initial value on either side and one size on both.

    Returns:
        them; those that are too large; the number of bytes of OLD's initialised variables.
    """
    old, new = variables.tables
    out: list[Root] = []
    beyond: list[UndecidedData] = []
    for name, a, b in variables.both:
        given = int(old.kind[a]) in INITIALISED or int(new.kind[b]) in INITIALISED
        if not given or old.size[a] != new.size[b] or name in OF_THE_BUILD:
            continue
        size = int(old.size[a])
        if size > MAX_VALUE:
            beyond.append(UndecidedData(name, new.packages[b], f"it has {size:,} bytes, more than are compared"))
        else:
            out.append(Root(name, new.packages[b], int(old.address[a]), int(new.address[b]), size, (a, b)))
    total = int(old.size[np.isin(old.kind, INITIALISED)].sum())
    return out, beyond, total


def unnamed(ground: Ground) -> tuple[list[Root], list[UndecidedData], int, list[Difference]]:
    """The initialised data of stripped programs, cut where code or other data is known to refer to the same on both sides.

    What lies between two such places belongs together where it is equally long on both sides. Where something was
    added or removed between them, all that begins or ends alike is the same; of the rest nothing is known.

    Returns:
        the pieces of data; what could not be matched; the number of bytes of OLD's initialised data; and what differs.
    """
    equivalence = ground.equivalence
    links = equivalence.correspondence.old, equivalence.correspondence.new
    roots, gaps = _cut(equivalence, links)
    walk = walked(ground, roots)
    if walk.anchors:  # pointers that lead to the same tell of more places
        more = np.array(sorted(set(walk.anchors)), dtype=np.int64).reshape(-1, 2)
        more = more[~equivalence.correspondence.contradicts(more[:, 0], more[:, 1])]
        links = np.concatenate((links[0], more[:, 0])), np.concatenate((links[1], more[:, 1]))
        again, gaps = _cut(equivalence, links)
        found = _walked_again(ground, roots, walk.differences, again)
        roots = again
    else:
        found = walk.differences
    seen: dict[int, I64] = {}
    for _ in range(MAX_LOOKS):
        chance = _by_chance(equivalence, roots, found, links, seen)
        if not chance.any():
            break
        links = links[0][~chance], links[1][~chance]
        again, gaps = _cut(equivalence, links)
        found = _walked_again(ground, roots, found, again)
        roots = again
    straight, unclear = _straightened(ground, roots, found)
    found = _walked_again(ground, roots, found, straight)
    lone = _crossing(equivalence, links)
    found += walked(ground, lone, len(straight)).differences
    roots = straight + lone
    lost = _unmatched(ground, gaps) + unclear
    undecided = []
    if lost:
        what = f"{lost:,} bytes of it could not be matched: variables were added, removed or resized among them"
        undecided.append(UndecidedData("initialised data", "", what))
    return roots, undecided, sum(end - start for start, end in equivalence.old.module.data), found


def _walked_again(ground: Ground, before: list[Root], found: list[Difference], after: list[Root]) -> list[Difference]:
    """The differences of the roots `after`, where those of the roots `before` are `found`: only what is new is walked."""
    place = {(root.old, root.new, root.size): i for i, root in enumerate(before)}
    now = {place.get((root.old, root.new, root.size), -1): i for i, root in enumerate(after)}
    out = [replace(d, piece=replace(d.piece, root=now[d.piece.root])) for d in found if d.piece.root in now]
    fresh = [i for i, root in enumerate(after) if (root.old, root.new, root.size) not in place]
    more = walked(ground, [after[i] for i in fresh]).differences
    return out + [replace(d, piece=replace(d.piece, root=fresh[d.piece.root])) for d in more]


def walked(ground: Ground, roots: list[Root], first: int = 0, native: frozenset[int] = frozenset()) -> Walk:
    """A walk over `roots`, of which the first has the index `first`."""
    walk = Walk(ground, native=native)
    walk.run([Piece(i, root.old, root.new, root.size) for i, root in enumerate(roots, first)])
    return walk


Gap = tuple[int, int, int, int]
"""Start and size in OLD, start and size in NEW."""


def _cut(equivalence: Equivalence, links: tuple[I64, I64]) -> tuple[list[Root], list[Gap]]:
    """Runs of data that are equally long on both sides, and the others, over both sections with initial values."""
    roots: list[Root] = []
    gaps: list[Gap] = []
    aligned = (links[0] % WORD == 0) & (links[1] % WORD == 0)
    written = _linker_made(equivalence.old), _linker_made(equivalence.new)
    made = {start for start, _ in written[0]}
    apart = made | {start + size for start, size in written[0]}
    for at, (ours, theirs) in enumerate(zip(equivalence.old.module.data, equivalence.new.module.data, strict=True)):
        # What holds pointers is aligned as they are; other places are within variables, or miss one by a constant's bytes.
        usable = (links[0][aligned], links[1][aligned]) if at == POINTERS else links
        for run in _runs(_places(written, ours, theirs, usable), (ours[1], theirs[1]), apart):
            old, size, new, other = run
            if old in made:
                continue
            if size == other and size <= MAX_VALUE:
                roots.append(Root("", "", old, new, size))
            else:
                gaps.append(run)
    return roots, gaps


def _places(
    written: tuple[list[tuple[int, int]], list[tuple[int, int]]],
    ours: tuple[int, int],
    theirs: tuple[int, int],
    links: tuple[I64, I64],
) -> list[tuple[int, int]]:
    """Where something begins in a section of both sides: its start, the links, what is `written` by the linker, and behind it."""
    inside = (links[0] > ours[0]) & (links[0] < ours[1]) & (links[1] > theirs[0]) & (links[1] < theirs[1])
    found = dict(zip(links[0][inside].tolist(), links[1][inside].tolist(), strict=True))
    found[ours[0]] = theirs[0]
    for (start, size), (other, length) in zip(*written, strict=False):
        if ours[0] <= start < ours[1] and theirs[0] <= other < theirs[1] and size == length:
            found = {a: b for a, b in found.items() if not start < a < start + size}
            found |= {start: other, start + size: other + length}
    back = {b: a for a, b in found.items()}  # of two that lead to one, one is wrong
    return sorted((a, b) for a, b in found.items() if back[b] == a)


def _linker_made(side: Side) -> list[tuple[int, int]]:
    """Address and bytes of what every build changes: the module data, and the sum over the FIPS module."""
    fips = fips_info(side.image)
    return [(side.module.address, side.module.size), *([fips] if fips is not None else [])]


def _runs(places: list[tuple[int, int]], ends: tuple[int, int], apart: set[int]) -> list[Gap]:
    """The data from each place to the next one, which may be another one in NEW.

    Neighbours on both sides are one run, but where one of `apart` begins.

    The linker puts variables of one size in any order, so that the places need not rise.
    """
    behind = [*sorted(b for _, b in places)[1:], ends[1]]
    next_new = dict(zip(sorted(b for _, b in places), behind, strict=True))
    out: list[Gap] = []
    for (a, b), (after, _) in pairwise([*places, ends]):
        size, other = after - a, next_new[b] - b
        if out and a not in apart and size == other and out[-1][1] == out[-1][3]:
            old, length, new, _ = out[-1]
            if old + length == a and new + length == b:
                out[-1] = (old, length + size, new, length + size)
                continue
        out.append((a, size, b, other))
    return out


def _by_chance(
    equivalence: Equivalence, roots: list[Root], found: list[Difference], links: tuple[I64, I64], seen: dict[int, I64]
) -> npt.NDArray[np.bool_]:
    """Which links, at an end of a run that differs, no instruction makes: what was scanned as an operand was none.

    Decoding tells, which is too slow for all of them and need not be done where nothing differs. `seen`: what functions of
    NEW refer to, by row, sorted.
    """
    edges = {edge for each in found for edge in _edges(roots[each.piece.root]) if not each.piece.via}
    out = np.zeros(links[0].shape, dtype=np.bool_)
    addresses, rows = equivalence.users
    for at in np.flatnonzero(np.isin(links[1], np.array(sorted(edges), dtype=np.int64))).tolist()[:MAX_EDGES]:
        place = int(links[1][at])
        users = distinct(rows[addresses == place]).tolist()
        # Pointers among the data make links too: those are no chance.
        out[at] = bool(users) and not any(_refers(equivalence.new, row, place, seen) for row in users[:MAX_USERS])
    return out


def _edges(root: Root) -> tuple[int, int]:
    return root.new, root.new + root.size


def _refers(side: Side, row: int, place: int, seen: dict[int, I64]) -> bool:
    """Whether an instruction of the function at `row` refers to `place`, or a little behind it."""
    targets = seen.get(row)
    if targets is None:
        entry, size = int(side.text.entry[row]), int(side.text.size[row])
        code = architecture(side.image.arch).code(side.image.bytes(entry, size).tobytes(), entry)
        targets = seen[row] = np.sort(np.array([target for _, _, target in code.targets()], dtype=np.int64))
    at = int(np.searchsorted(targets, place))
    return at < targets.size and int(targets[at]) <= place + MAX_IMMEDIATE


def _straightened(ground: Ground, roots: list[Root], found: list[Difference]) -> tuple[list[Root], int]:
    """`roots`, in which what moved within one is two; and the bytes of those that differ in more than can be told apart.

    Padding can swallow a variable that came or went: then a run is as long as before, and the rest of it moved.
    """
    places: dict[int, list[int]] = {}
    for each in found:
        if not each.piece.via:
            places.setdefault(each.piece.root, []).append(each.offset)
    several = {i: (min(at), max(at) + WORD) for i, at in places.items() if len(at) > 1}
    pieces: dict[int, Root] = {}
    for shift in SHIFTS if several else ():
        tried = {i: _moved(roots[i], first, last, shift) for i, (first, last) in several.items() if i not in pieces}
        tried = {i: root for i, root in tried.items() if root.size > abs(shift)}
        attempt = Walk(ground, brief=True)
        attempt.run([Piece(i, root.old, root.new, root.size) for i, root in tried.items()])
        wrong = {each.piece.root for each in attempt.differences}
        pieces |= {i: root for i, root in tried.items() if i not in wrong}
    unclear = {
        i
        for i in several
        if i not in pieces and (len(places[i]) > MAX_TOLD or _permuted(ground.equivalence, roots[i], places[i]))
    }
    out: list[Root] = []
    for i, root in enumerate(roots):
        if i in pieces:
            first, last = several[i]
            rest = root.size - last
            out += [Root("", "", root.old, root.new, first)] * (first > 0)
            out += [pieces[i]]
            out += [Root("", "", root.old + last, root.new + last, rest)] * (rest > 0)
        elif i not in unclear:
            out.append(root)
    return out, sum(several[i][1] - several[i][0] for i in unclear)


def _permuted(equivalence: Equivalence, root: Root, offsets: list[int]) -> bool:
    """Whether the words of a run that differ are the same ones in another order: most likely variables that changed places."""
    at = np.array(offsets, dtype=np.int64)
    ours, theirs = equivalence.old.words_at(root.old + at), equivalence.new.words_at(root.new + at)
    return bool((np.sort(ours) == np.sort(theirs)).all())


def _moved(root: Root, first: int, last: int, shift: int) -> Root:
    """The part of `root` from `first` to `last` that is the same if NEW has it `shift` bytes further on."""
    size = min(last, root.size) - first - abs(shift)
    return Root("", "", root.old + first + max(-shift, 0), root.new + first + max(shift, 0), size)


def _crossing(equivalence: Equivalence, links: tuple[I64, I64]) -> list[Root]:
    """Variables that have an initial value on one side alone: the linker puts those without one elsewhere."""
    known = [np.sort(each) for each in links]
    out: list[Root] = []
    for data, zero, swap in (
        (equivalence.old.module.data, equivalence.new.module.bss, False),
        (equivalence.new.module.data, equivalence.old.module.bss, True),
    ):
        ours, theirs = links[::-1] if swap else links
        at = np.flatnonzero(_within(ours, data) & _within(theirs, zero))
        for here, there in zip(ours[at].tolist(), theirs[at].tolist(), strict=True):
            size = min(_next(known[swap], here), _next(known[not swap], there), MAX_LONE)
            before = max(min((start for start, end in data if here < end), default=here) - here, 0)
            pair = (there + before, here + before) if swap else (here + before, there + before)
            out.append(Root("", "", *pair, max(size - before, 1), lone=True))
    return out


def _within(addresses: I64, ranges: Sequence[tuple[int, int]]) -> npt.NDArray[np.bool_]:
    out = np.zeros(addresses.shape, dtype=np.bool_)
    for start, end in ranges:
        out |= (addresses >= start - MAX_IMMEDIATE) & (addresses < end)
    return out


def _next(ordered: I64, address: int) -> int:
    """Bytes from `address` to the next of `ordered`."""
    at = int(np.searchsorted(ordered, address, side="right"))
    return int(ordered[at]) - address if at < ordered.size else MAX_LONE


def _unmatched(ground: Ground, gaps: list[Gap]) -> int:
    """Bytes of gaps of which it is not known what became of them.

    Where something was added or removed before or behind all the rest of a gap, the rest is seen to be the same.
    """
    sized = [(gap, min(gap[1], gap[3])) for gap in gaps if min(gap[1], gap[3])]
    looked = [(gap, size) for gap, size in sized if size <= MAX_VALUE]
    head, tail = Walk(ground, brief=True), Walk(ground, brief=True)
    head.run([Piece(i, old, new, size) for i, ((old, _, new, _), size) in enumerate(looked)])
    tail.run(
        [
            Piece(i, old + ours - size, new + theirs - size, size)
            for i, ((old, ours, new, theirs), size) in enumerate(looked)
        ]
    )
    wrong = {each.piece.root for each in head.differences} & {each.piece.root for each in tail.differences}
    return sum(size for _, size in sized if size > MAX_VALUE) + sum(looked[i][1] for i in wrong)

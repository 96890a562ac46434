"""Pair the functions of two tables: by name, then twins whose names had to change.

Closures, method wrappers and init functions carry numbers that move when one is added before them; a renamed function
keeps its code. Such twins are found by their code with everything left out that moving changes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from probes.binary.functable import package_of
from probes.binary.image import I64
from probes.drift.judge import bare
from probes.drift.side import Side

MIN_TWIN = 4
"""Bytes. An empty body proves nothing; any other that is left over alone on both sides of one package does."""

_NUMBER = re.compile(r"\.(func|gowrap|deferwrap|dwrap|init\.|)\d+(?=$|[.\-])|-range\d+")
_CGO = re.compile(r"_cgo_[0-9a-f]{12}_")
@dataclass(frozen=True, slots=True)
class Pairing:
    """`pair[i]`: partner in NEW of function i of OLD, -1 without one; `back` the other way; int64.

    `renamed`: rows of OLD whose partner has another name.
    """

    pair: I64
    back: I64
    renamed: tuple[int, ...]


def match(old: Side, new: Side) -> Pairing:
    """Pair the functions of both sides one to one."""
    new.table.share_names(old.table)
    ours = _keys(old)
    theirs = ours if new.table.names is old.table.names else _keys(new)
    pair = np.full(len(ours), -1, dtype=np.int64)
    back = np.full(len(theirs), -1, dtype=np.int64)
    if ours == theirs and bool((old.text.size == new.text.size).all()):
        pair[:] = back[:] = np.arange(len(ours))
    else:
        _by_name(old, new, ours, theirs, pair, back)
    _families(old, new, ours, theirs, pair, back)
    _renames(old, new, ours, theirs, pair, back)
    rows = np.flatnonzero(pair >= 0)
    renamed = tuple(r for r, n in zip(rows.tolist(), pair[rows].tolist(), strict=True) if ours[r] != theirs[n])
    return Pairing(pair, back, renamed)


def _keys(side: Side) -> list[str]:
    """Names, without the hash of the source file that cgo writes into some."""
    names = side.table.names
    if b"_cgo_" not in side.table.name_bytes:
        return names
    return [_CGO.sub("_cgo_", n) if "_cgo_" in n else n for n in names]


def _by_name(old: Side, new: Side, ours: list[str], theirs: list[str], pair: I64, back: I64) -> None:
    where: dict[str, list[int]] = defaultdict(list)
    for index, name in enumerate(theirs):
        where[name].append(index)
    repeated: dict[str, list[int]] = defaultdict(list)
    for index, name in enumerate(ours):
        found = where.get(name)
        if not found:
            continue
        if len(found) == 1 and name not in repeated:
            other = found[0]
            if back[other] < 0:
                pair[index], back[other] = other, index
                continue
            first = int(back[other])
            pair[first] = back[other] = -1
            repeated[name] = [first, index]
        else:
            repeated[name].append(index)
    for name, rows in repeated.items():
        _align(old, new, rows, where[name], pair, back)


def _align(old: Side, new: Side, rows: list[int], others: list[int], pair: I64, back: I64) -> None:
    """Pair members of one group: equal code first, in order; then equal place in the source; then the order."""
    left, right = list(rows), list(others)
    for key in (_code, _shape, _where, _any):
        by_key: dict[object, list[int]] = defaultdict(list)
        for other in right:
            by_key[key(new, other)].append(other)
        kept = []
        for row in left:
            found = by_key.get(key(old, row))
            if found:
                other = found.pop(0)
                pair[row], back[other] = other, row
            else:
                kept.append(row)
        left, right = kept, [o for o in right if back[o] < 0]
        if not left or not right:
            return


def _code(side: Side, row: int) -> object:
    return _bare(side, row), int(side.table.func_id[row]), _line(side, row)


def _shape(side: Side, row: int) -> object:
    return _bare(side, row), int(side.table.func_id[row])


def _where(side: Side, row: int) -> object:
    return int(side.table.func_id[row]), _line(side, row)


def _any(side: Side, row: int) -> object:
    return int(side.table.func_id[row])


def _line(side: Side, row: int) -> int:
    return int(side.table.start_line[row])


def _bare(side: Side, row: int) -> bytes:
    """The code with every PC-relative operand zeroed: what stays when a function moves."""
    entry, size = int(side.text.entry[row]), int(side.text.size[row])
    return bare(side.image.arch)(side.image.bytes(entry, size).tobytes(), entry)


def _families(old: Side, new: Side, ours: list[str], theirs: list[str], pair: I64, back: I64) -> None:
    """Rearrange numbered siblings (closures, wrappers, init functions) where their set or their code changed."""
    unsettled: set[str] = set()
    for index in np.flatnonzero(pair < 0).tolist():
        if _NUMBER.search(ours[index]):
            unsettled.add(_family(ours[index]))
    for index in np.flatnonzero(back < 0).tolist():
        if _NUMBER.search(theirs[index]):
            unsettled.add(_family(theirs[index]))
    paired = np.flatnonzero(pair >= 0)
    resized = paired[old.text.size[paired] != new.text.size[pair[paired]]]
    for index in resized.tolist():
        if _NUMBER.search(ours[index]):
            unsettled.add(_family(ours[index]))
    if not unsettled:
        return
    groups: dict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for side, names in enumerate((ours, theirs)):
        for index, name in enumerate(names):
            if _NUMBER.search(name) and (key := _family(name)) in unsettled:
                groups[key][side].append(index)
    for rows, others in groups.values():
        _regroup(old, new, rows, others, ours, theirs, pair, back)


def _family(name: str) -> str:
    return _NUMBER.sub(lambda found: f".{found[1]}#" if found[1] is not None else "-range#", name)


def _regroup(
    old: Side, new: Side, rows: list[int], others: list[int], ours: list[str], theirs: list[str], pair: I64, back: I64
) -> None:
    """Align two sequences of siblings by code, keeping source order; the rest stays paired by name."""
    before = {row: int(pair[row]) for row in rows}
    for row in rows:
        pair[row] = -1
    for other in others:
        back[other] = -1
    left = sorted(rows, key=lambda r: (_line(old, r), r))
    right = sorted(others, key=lambda r: (_line(new, r), r))
    a = [_bare(old, r) for r in left]
    b = [_bare(new, r) for r in right]
    for i, j in _common(a, b, [ours[r] for r in left], [theirs[r] for r in right]):
        pair[left[i]], back[right[j]] = right[j], left[i]
    for row in left:
        other = before[row]
        if pair[row] < 0 and other >= 0 and back[other] < 0:
            pair[row], back[other] = other, row


def _common(a: list[bytes], b: list[bytes], names: list[str], others: list[str]) -> list[tuple[int, int]]:
    """Longest common subsequence of two short lists of bodies; same-named pairs win ties. Quadratic, so bounded."""
    if len(a) * len(b) > 250_000:
        where = {(body, name): j for j, (body, name) in enumerate(zip(b, others, strict=True))}
        return [(i, where[k]) for i, k in enumerate(zip(a, names, strict=True)) if k in where]
    rows = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in range(len(a) - 1, -1, -1):
        for j in range(len(b) - 1, -1, -1):
            best = max(rows[i + 1][j], rows[i][j + 1])
            if a[i] == b[j]:
                best = max(best, rows[i + 1][j + 1] + 4 + (names[i] == others[j]))
            rows[i][j] = best
    out, i, j = [], 0, 0
    while i < len(a) and j < len(b):
        if a[i] == b[j] and rows[i][j] == rows[i + 1][j + 1] + 4 + (names[i] == others[j]):
            out.append((i, j))
            i, j = i + 1, j + 1
        elif rows[i][j] == rows[i + 1][j]:
            i += 1
        else:
            j += 1
    return out


def _renames(old: Side, new: Side, ours: list[str], theirs: list[str], pair: I64, back: I64) -> None:
    """Functions left over on both sides whose code is the same, unique, in one package: renamed."""
    left = [r for r in np.flatnonzero(pair < 0).tolist() if int(old.text.size[r]) >= MIN_TWIN]
    right = [r for r in np.flatnonzero(back < 0).tolist() if int(new.text.size[r]) >= MIN_TWIN]
    sizes = set(new.text.size[right].tolist()) if right else set()
    ours_by: dict[object, list[int]] = defaultdict(list)
    theirs_by: dict[object, list[int]] = defaultdict(list)
    for row in left:
        if int(old.text.size[row]) in sizes:
            ours_by[(package_of(ours[row]), _bare(old, row))].append(row)
    for row in right:
        theirs_by[(package_of(theirs[row]), _bare(new, row))].append(row)
    for key, rows in ours_by.items():
        others = theirs_by.get(key, [])
        if len(rows) == len(others) == 1:
            pair[rows[0]], back[others[0]] = others[0], rows[0]

"""Embedded files of both sides, by path."""

from __future__ import annotations

import difflib
from itertools import islice
from typing import TYPE_CHECKING

from probes.drift.data.facts import EmbeddedChange
from probes.go.embedded_files import EmbeddedFile, EmbeddedSet, contents, digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from probes.elf.image import Image

MAX_TEXT = 1 << 16
"""Bytes of a file that is shown as a difference of lines."""
MAX_LINES = 2000
MAX_DIFF = 40
"""Lines of it."""
MAX_LINE = 200


def embedded_drift(
    old: Image, ours: Sequence[EmbeddedSet], new: Image, theirs: Sequence[EmbeddedSet]
) -> tuple[EmbeddedChange, ...]:
    """Files that came, went or differ, in the order of their paths."""
    by_variable = all(each.variable for each in (*ours, *theirs))
    changes: list[EmbeddedChange] = []
    for before, after in _paired(ours, theirs, by_variable=by_variable):
        changes += _changes(old, before, new, after)
    return tuple(sorted(changes, key=lambda c: (c.path, c.variable)))


def _paired(
    old: Sequence[EmbeddedSet], new: Sequence[EmbeddedSet], *, by_variable: bool
) -> list[tuple[EmbeddedSet | None, EmbeddedSet | None]]:
    """Sets of both sides: by variable, else those that share most paths, the most alike first."""
    if by_variable:
        ours, theirs = ({each.variable: each for each in sets} for sets in (old, new))
        return [(ours.get(name), theirs.get(name)) for name in sorted(ours.keys() | theirs.keys())]
    paths = [[{f.path for f in each.files} for each in sets] for sets in (old, new)]
    alike = sorted(
        (-len(a & b), i, j) for i, a in enumerate(paths[0]) for j, b in enumerate(paths[1]) if a & b or not a | b
    )
    pairs: list[tuple[EmbeddedSet | None, EmbeddedSet | None]] = []
    left, right = set(range(len(old))), set(range(len(new)))
    for _, i, j in alike:
        if i in left and j in right:
            pairs.append((old[i], new[j]))
            left.remove(i)
            right.remove(j)
    return [*pairs, *((old[i], None) for i in sorted(left)), *((None, new[j]) for j in sorted(right))]


def _changes(old: Image, before: EmbeddedSet | None, new: Image, after: EmbeddedSet | None) -> list[EmbeddedChange]:
    ours = {f.path: f for f in before.files} if before is not None else {}
    theirs = {f.path: f for f in after.files} if after is not None else {}
    out = []
    for path in sorted(ours.keys() | theirs.keys()):
        a, b = ours.get(path), theirs.get(path)
        if a is None or b is None:
            out += [EmbeddedChange(path, f.variable, "removed", f.size, None, digest(old, f), "") for f in (a,) if f]
            out += [EmbeddedChange(path, f.variable, "added", None, f.size, "", digest(new, f)) for f in (b,) if f]
        elif a.size != b.size or (contents(old, a) != contents(new, b)).any():
            diff = _diff(old, a, new, b)
            out.append(
                EmbeddedChange(
                    path, b.variable or a.variable, "changed", a.size, b.size, digest(old, a), digest(new, b), diff
                )
            )
    return out


def _diff(old: Image, a: EmbeddedFile, new: Image, b: EmbeddedFile) -> tuple[str, ...]:
    """What differs by line; nothing where one of the files is long or no text."""
    if max(a.size, b.size) > MAX_TEXT:
        return ()
    try:
        ours, theirs = (contents(i, f).tobytes().decode("utf-8").splitlines() for i, f in ((old, a), (new, b)))
    except UnicodeDecodeError:
        return ()
    if max(len(ours), len(theirs)) > MAX_LINES or any("\0" in line for line in (*ours, *theirs)):
        return ()
    lines = islice(difflib.unified_diff(ours, theirs, n=1, lineterm=""), 2, None)  # without the names of the files
    out = [line[:MAX_LINE] for line in islice(lines, MAX_DIFF + 1)]
    return (*out[:MAX_DIFF], "…") if len(out) > MAX_DIFF else tuple(out)

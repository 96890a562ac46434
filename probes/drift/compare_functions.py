"""Compare the functions of two binaries: what was added, removed, renamed, moved and really changed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from probes.drift.addresses.equivalence import Equivalence
from probes.drift.addresses.same_layout import same_bytes
from probes.drift.facts import ChangeKind, FunctionChange, FunctionDoubt, FunctionDrift, FunctionRef, Rename
from probes.drift.functions.explain import Explanation, explain, prepare
from probes.drift.functions.inlined import location, suspects
from probes.drift.functions.judge import Judgement, judge
from probes.drift.functions.pairing import Pairing, match
from probes.drift.functions.scan import scan
from probes.drift.native.code import NativeCode, compare_native
from probes.drift.side import Side
from probes.elf.image import I64
from probes.errors import MalformedTable
from probes.fork import Beside, WhenAsked
from probes.go.health import BOUNDARIES
from probes.go.table.functions import package_of

if TYPE_CHECKING:
    from probes.drift.types.local_numbers import LocalNumbers

LEVEL_BUDGET = 64 << 20
RESIZED_BUDGET = 6 << 20
EXPLAIN_BUDGET = 1 << 20
"""Bytes of code, both sides together, that are decoded: to judge equally long pairs (only up to their suspicious places),
to see whether others differ by padding only, and to explain. A new toolchain changes everything; a pair that is not
decoded counts as changed if it was resized or holds an unexplained byte, else as undecided."""

MANY = 200
"""Changed functions from which on a half of them is put into words beside the other."""


class Judged(Struct, frozen=True):
    """What decoding says of the functions of two sides; rows are OLD's.

    `calm`: functions whose code means the same; `differs`: of all, whether bytes differ; `changed`: what was found of those
    that changed; `blind`: changed, and not decoded; `undecided`: could not be compared; `real` of `matched` are no mere labels.
    """

    pairing: Pairing
    equivalence: Equivalence
    judged: list[Judgement]
    changed: dict[int, Judgement]
    blind: list[int]
    undecided: list[int]
    calm: I64
    differs: npt.NDArray[np.bool_]
    labels: int
    native: NativeCode


def judge_code(old: Side, new: Side, numbered: Callable[[], LocalNumbers | None] | None = None) -> Judged:
    """Pair and compare all functions of two sides of the same architecture, C's included.

    `numbered`: gives what is known of what types are made of (see `LocalTypes`).
    """
    pairing = match(old, new)
    equivalence = Equivalence(old, new, pairing.pair)
    equivalence.local_types.numbered = numbered
    rows = np.flatnonzero(pairing.pair >= 0)
    names = old.table.names
    real = ~np.fromiter(map(BOUNDARIES.__contains__, map(names.__getitem__, rows.tolist())), np.bool_, rows.size)
    rows = rows[real] if rows.size else rows
    partners = pairing.pair[rows]
    equal_size = old.text.size[rows] == new.text.size[partners]
    look = equal_size & ~same_bytes(old, new, rows) if equivalence.unmoved else equal_size
    level = rows[look]
    result = scan(equivalence, level, partners[look])
    places: dict[int, list[int] | None] = dict.fromkeys(rows[~equal_size].tolist())
    places.update({int(level[at]): found for at, found in result.places.items()})
    certain = {int(level[at]) for at in result.unexplained} | set(rows[~equal_size].tolist())
    judged, unread = _judge(equivalence, places, pairing)
    changed = {j.old_row: j for j in judged if j.changed}
    undecided = [r for r in unread if r not in certain]
    blind = [r for r in unread if r in certain]
    signatures = rows[old.table.args[rows] != new.table.args[partners]].tolist()
    blind += [row for row in signatures if row not in changed and row not in undecided and row not in blind]
    differs = np.zeros(len(old.table), dtype=np.bool_)
    differs[level] = result.differs
    differs[rows[~equal_size]] = True
    settled = np.ones(len(old.table), dtype=np.bool_)
    settled[[*changed, *undecided, *blind]] = False
    calm = rows[settled[rows]]
    native = compare_native(equivalence)
    labels = int((~real).sum())
    return Judged(pairing, equivalence, judged, changed, blind, undecided, calm, differs, labels, native)


def function_drift(found: Judged, beside: Beside = WhenAsked) -> FunctionDrift:
    """What differs, in words; `beside` is how a part of it is put into words beside the rest."""
    pairing, native, calm = found.pairing, found.native, found.calm
    old, new = found.equivalence.old, found.equivalence.new
    names, others = old.table.names, new.table.names
    return FunctionDrift(
        old=len(old.table) + native.old,
        new=len(new.table) + native.new,
        matched=len(pairing.pair[pairing.pair >= 0]) + native.matched,
        identical=int((~found.differs[calm]).sum()) + found.labels + native.identical,
        moved=int(found.differs[calm].sum()) + native.moved,
        added=_refs(new, pairing.back) + native.added,
        removed=_refs(old, pairing.pair) + native.removed,
        renamed=tuple(Rename(names[r], others[int(pairing.pair[r])]) for r in pairing.renamed),
        changed=_changes(found, beside) + native.changed,
        undecided=tuple(others[int(pairing.pair[r])] for r in found.undecided) + native.undecided,
        remapped=_remapped(old, new, pairing.pair),
        doubtful=tuple(_doubt(others[j.new_row]) for j in found.judged if j.doubtful) + native.doubtful,
    )


def moved_variables(found: Judged) -> str:
    """Why it cannot be said that all variables are where they were; "" when they are."""
    from probes.drift.data.places import Codes, why_not_kept  # noqa: PLC0415 - of a hotfix alone

    back, names = found.pairing.back, found.equivalence.new.table.names
    added = np.array([r for r in np.flatnonzero(back < 0).tolist() if names[r] not in BOUNDARIES], dtype=np.int64)
    unsure = [*found.undecided, *found.blind]
    return why_not_kept(found.equivalence, Codes(found.judged, unsure, found.calm, added, _of_c(found.native)))


def _of_c(native: NativeCode) -> str:
    """Why the variables of C may be others; "" where its code is the same."""
    for names, what in (
        ([each.name for each in native.changed], "changed"),
        ([each.name for each in (*native.added, *native.removed)], "is on one side alone"),
        ([*native.undecided, *(each.name for each in native.doubtful)], "may have changed"),
    ):
        if names:
            return f"the C function {names[0]} {what}, and C's variables are not known by their places"
    return ""


def _judge(
    equivalence: Equivalence, places: dict[int, list[int] | None], pairing: Pairing
) -> tuple[list[Judgement], list[int]]:
    """Judge as many pairs as the budgets allow, smallest first; the others' rows are returned beside."""
    chosen: list[int] = []
    beyond: list[int] = []
    for resized, budget in ((False, LEVEL_BUDGET), (True, RESIZED_BUDGET)):
        rows = np.array([r for r, found in places.items() if (found is None) == resized], dtype=np.int64)
        within = _within(_sizes(equivalence, rows), budget)
        chosen += rows[within].tolist()
        beyond += rows[~within].tolist()
    return judge(equivalence, ((r, int(pairing.pair[r]), places[r]) for r in sorted(chosen))), beyond


def _sizes(equivalence: Equivalence, rows: I64) -> I64:
    """Bytes of code of some pairs, both sides together."""
    return equivalence.old.text.size[rows] + equivalence.new.text.size[equivalence.pair[rows]]


def _within(sizes: I64, budget: int) -> npt.NDArray[np.bool_]:
    """The smallest ones that fit into the budget."""
    order = np.argsort(sizes, kind="stable")
    out = np.zeros(sizes.size, dtype=np.bool_)
    out[order[np.cumsum(sizes[order]) <= budget]] = True
    return out


def _worth_explaining(equivalence: Equivalence, changed: dict[int, Judgement]) -> set[int]:
    """Rows that are explained in full: the program's own packages first, then the standard library's."""
    rows = np.array(list(changed), dtype=np.int64)
    library = np.array([not _own_code(equivalence.old.table.names[r]) for r in rows.tolist()], dtype=np.bool_)
    # Library code only gets what is left over: it counts as if it came after all of the program's own.
    sizes = _sizes(equivalence, rows)
    order = np.lexsort((sizes, library))
    return set(rows[order[np.cumsum(sizes[order]) <= EXPLAIN_BUDGET]].tolist())


def _own_code(name: str) -> bool:
    """Whether a function is not of the standard library, whose import paths have no dot in their first element."""
    package = package_of(name)
    return package == "main" or "." in package.split("/", 1)[0]


def _changes(found: Judged, beside: Beside) -> tuple[FunctionChange, ...]:
    equivalence, pairing, changed, blind = found.equivalence, found.pairing, found.changed, found.blind
    old, new = equivalence.old, equivalence.new
    names = new.table.names
    full = _worth_explaining(equivalence, changed)
    rows = list(changed)
    half = len(rows) // 2 if len(rows) >= MANY else 0
    rest = beside(partial(_explained, found, full, rows[:half])) if half else WhenAsked(dict)
    explained = _explained(found, full, rows[half:]) | rest.result()
    blamed = {names[int(pairing.pair[r])] for r in (*changed, *blind)}
    rows = sorted((*changed, *blind))
    said = [explained.get(row) or Explanation(_plain(old, new, row, int(pairing.pair[row])), (), ()) for row in rows]
    suspected = [
        suspects((old.table, row), (new.table, int(pairing.pair[row])), each)
        for row, each in zip(rows, said, strict=True)
    ]
    named = {name for each in suspected for name in each.names} - blamed
    innocent = named.intersection(map(names.__getitem__, pairing.pair[found.calm].tolist())) if changed else set()
    out = []
    for row, words, inlined in zip(rows, said, suspected, strict=True):
        other = int(pairing.pair[row])
        file, line = location(new.table, other, words.new_places)
        out.append(
            FunctionChange(
                name=names[other],
                package=package_of(names[other]),
                kind=_kind(old, new, row, other),
                inlined_from=inlined.blamed(names[other], blamed, innocent),
                detail=_detail(old, new, row, other, words),
                file=file,
                line=line,
                old_size=int(old.text.size[row]),
                new_size=int(new.text.size[other]),
                old_args=_args(old, row),
                new_args=_args(new, other),
            )
        )
    return tuple(out)


def _explained(found: Judged, full: set[int], rows: list[int]) -> dict[int, Explanation]:
    prepare(found.equivalence, [found.changed[row] for row in rows if row in full])
    return {row: explain(found.equivalence, found.changed[row], brief=row not in full) for row in rows}


def _doubt(name: str) -> FunctionDoubt:
    return FunctionDoubt(
        name, package_of(name), "may use other data: a constant of unknown length is followed by other bytes"
    )


def _plain(old: Side, new: Side, row: int, other: int) -> str:
    before, after = int(old.text.size[row]), int(new.text.size[other])
    if before != after:
        return f"resized {before} → {after} bytes"
    return "code bytes differ" if _args(old, row) == _args(new, other) else ""


def _detail(old: Side, new: Side, row: int, other: int, found: Explanation) -> str:
    before, after = _args(old, row), _args(new, other)
    if before == after:
        return found.detail
    return ", ".join(t for t in (f"argument area {before} → {after} bytes", found.detail) if t)


def _args(side: Side, row: int) -> int:
    """Bytes of the argument area; -1 where the format says "unknown" (abi.ArgsSizeUnknown)."""
    value = int(side.table.args[row])
    return -1 if value < 0 else value


def _kind(old: Side, new: Side, row: int, other: int) -> ChangeKind:
    if _args(old, row) != _args(new, other):
        return "signature"
    return "body" if int(old.text.size[row]) == int(new.text.size[other]) else "resized"


def _refs(side: Side, partner: I64) -> tuple[FunctionRef, ...]:
    out = []
    for row in np.flatnonzero(partner < 0).tolist():
        name = side.table.names[row]
        if name in BOUNDARIES:
            continue
        try:
            file, line = side.table.file(row), side.table.start(row)
        except MalformedTable:
            file, line = "", 0
        out.append(FunctionRef(name, package_of(name), file, line, _is_exported(name)))
    return tuple(out)


def _is_exported(name: str) -> bool:
    plain = name.split("[", 1)[0]
    dot = plain.rfind(".")
    return dot >= 0 and "A" <= plain[dot + 1 : dot + 2] <= "Z"


def _remapped(old: Side, new: Side, pair: I64) -> int:
    """Functions of OLD whose entry address belongs to another function in NEW: how far addresses mislead."""
    there = new.text.index(old.text.entry)
    return int(((there >= 0) & (there != pair)).sum())

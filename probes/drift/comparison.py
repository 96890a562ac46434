"""Two BinaryFacts -> Drift: each part whose evidence is there, and why the others are not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from probes.drift.addresses.equivalence import Equivalence
from probes.drift.addresses.same_layout import same_constants
from probes.drift.build import build_drift
from probes.drift.compare_functions import Judged, function_drift, judge_code, moved_variables
from probes.drift.data.compare import data_drift
from probes.drift.data.facts import DataDrift
from probes.drift.facts import BuildDrift, FunctionDrift, GlobalDrift, InitDrift
from probes.drift.initialisers import init_drift
from probes.drift.native.facts import NativeDrift
from probes.drift.native.loader import native_drift
from probes.drift.result import Drift
from probes.drift.side import Side
from probes.drift.types.compare import layout_drift
from probes.drift.types.facts import LayoutDrift
from probes.drift.types.local_numbers import LocalNumbers, local_numbers
from probes.drift.types.pairing import Pairing
from probes.drift.variables.compare import Variables, global_drift, pair_variables, why_not
from probes.errors import MalformedElf, MalformedTable
from probes.fork import Beside, WhenAsked
from probes.go.facts import SHARED, BinaryFacts
from probes.go.not_go import NOT_GO
from probes.go.types.table import TypeTable

T = TypeVar("T")


def compare(old: BinaryFacts, new: BinaryFacts, *, places: bool = False, beside: Beside = WhenAsked) -> Drift:
    """Compare two binaries. A part that cannot be compared is None, and `problems` says why.

    Args:
        old: the facts of OLD.
        new: the facts of NEW.
        places: compare the variables of stripped programs by where they are and what refers to them.
        beside: how parts are compared that need nothing of each other.
    """
    problems: dict[str, str] = {}
    places &= old.symtab is None or new.symtab is None
    apart = beside is not WhenAsked
    types = beside(partial(_types, old, new, numbers=apart))
    judged = _judged(old, new, problems, (lambda: types.result()[1]) if apart else None)
    variables = _variables(old, new, problems)
    data = beside(partial(_data, judged.equivalence, variables)) if judged is not None else None
    functions, moved = _functions(judged, problems, beside, places=places)
    found: DataDrift | str = data.result() if data is not None and functions is not None else problems["functions"]
    del judged, data  # the largest of all that is kept here
    differing = _known(found, "data", problems)
    build, init = _build(old, new, problems), _init(old, new, problems)
    layouts = _known(types.result()[0], "types", problems)
    if layouts is not None:
        layouts.pairing.made_by(partial(_pairing, old, new))
    return Drift(
        functions=functions,
        data=differing,
        build=build,
        init=init,
        problems=problems,
        types=layouts,
        globals=_by_place(moved, problems) if places and functions else _globals(old, new, variables, problems),
        native=_native(old, new, problems),
    )


def _known(found: T | str, part: str, problems: dict[str, str]) -> T | None:
    """What was found of a part; None, and the reason among `problems`, when it is that."""
    if isinstance(found, str):
        problems[part] = found
        return None
    return found


def _judged(
    old: BinaryFacts,
    new: BinaryFacts,
    problems: dict[str, str],
    numbered: Callable[[], LocalNumbers | None] | None,
) -> Judged | None:
    for label, facts in (("OLD", old), ("NEW", new)):
        if facts.linkage == SHARED:
            problems["functions"] = f"{label}: {NOT_GO}"
            return None
        if facts.health.unverifiable or facts.functions is None or facts.module is None:
            problems["functions"] = f"{label}'s function table cannot be verified: {facts.health.unverifiable}"
            return None
    if old.arch != new.arch:
        problems["functions"] = f"the architectures differ: {old.arch} and {new.arch}"
        return None
    try:
        ours, theirs = (
            Side(f, f.functions, f.module) for f in (old, new) if f.functions is not None and f.module is not None
        )
        judged = judge_code(ours, theirs, numbered)
    except MalformedTable as exc:
        problems["functions"] = str(exc)
        return None
    # What is compared in another process reads the types there, if need be: the answer is for this one.
    judged.equivalence.local_types.settle()
    return judged


def _functions(
    judged: Judged | None, problems: dict[str, str], beside: Beside, *, places: bool
) -> tuple[FunctionDrift | None, str]:
    if judged is None:
        return None, ""
    try:
        return function_drift(judged, beside), moved_variables(judged) if places else ""
    except MalformedTable as exc:
        problems["functions"] = str(exc)
        return None, ""


def _types(
    old: BinaryFacts, new: BinaryFacts, *, numbers: bool = False
) -> tuple[LayoutDrift | str, LocalNumbers | None]:
    """What differs between the types, or why that is not known; with `numbers`, also what some are made of."""
    if old.arch != new.arch:
        return f"the architectures differ: {old.arch} and {new.arch}", None
    try:
        tables = _tables(old, new)
        if isinstance(tables, str):
            return tables, None
        return layout_drift(*tables), local_numbers(*tables) if numbers else None
    except MalformedTable as exc:
        return exc.what, None


def _tables(old: BinaryFacts, new: BinaryFacts) -> tuple[TypeTable, TypeTable] | str:
    tables: list[TypeTable] = []
    for label, facts in (("OLD", old), ("NEW", new)):
        if tables and same_constants(old, new):
            tables.append(tables[0])
            continue
        if facts.types is None:
            return f"{label}: {facts.health.unverifiable or 'no module data was found'}"
        try:
            tables.append(facts.types.read())
        except MalformedTable as exc:
            return f"{label}'s type descriptors cannot be read: {exc.what}"
    return tables[0], tables[1]


def _pairing(old: BinaryFacts, new: BinaryFacts) -> Pairing:
    tables = _tables(old, new)
    if isinstance(tables, str):
        raise MalformedTable(tables, subject=new.path)
    return Pairing(*tables)


def _build(old: BinaryFacts, new: BinaryFacts, problems: dict[str, str]) -> BuildDrift | None:
    for label, facts in (("OLD", old), ("NEW", new)):
        if facts.build is None:
            problems["build"] = f"{label}: {facts.build_problem}"
            return None
    if old.build is None or new.build is None:
        return None
    return build_drift(old.build, new.build)


def _init(old: BinaryFacts, new: BinaryFacts, problems: dict[str, str]) -> InitDrift | None:
    for label, facts in (("OLD", old), ("NEW", new)):
        if facts.linkage == SHARED:
            problems["init"] = f"{label}: {NOT_GO}"
            return None
        if facts.initialisers is None:
            problems["init"] = f"{label}: the order of package initialisers cannot be read (Go before 1.21, stripped)"
            return None
    if old.initialisers is None or new.initialisers is None:
        return None
    return init_drift(old.initialisers, new.initialisers)


def _variables(old: BinaryFacts, new: BinaryFacts, problems: dict[str, str]) -> Variables | None:
    for label, facts in (("OLD", old), ("NEW", new)):
        reason = why_not(facts)
        if reason:
            problems["globals"] = f"{label}: {reason}"
            return None
    if old.arch != new.arch:
        problems["globals"] = f"the architectures differ: {old.arch} and {new.arch}"
        return None
    try:
        return pair_variables(old, new)
    except MalformedTable as exc:
        problems["globals"] = str(exc)
        return None


def _globals(
    old: BinaryFacts, new: BinaryFacts, variables: Variables | None, problems: dict[str, str]
) -> GlobalDrift | None:
    if variables is None:
        return None
    try:
        return global_drift(old, new, variables)
    except MalformedTable as exc:
        problems["globals"] = str(exc)
        return None


def _by_place(moved: str, problems: dict[str, str]) -> GlobalDrift | None:
    """No change where all variables are where they were; else why that cannot be said."""
    if moved:
        problems["globals"] += f", and by their places the variables cannot be shown to be the same: {moved}"
        return None
    reason = problems.pop("globals")
    return GlobalDrift(0, 0, 0, (), (), (), (), types_problem=f"{reason}; all variables are where they were")


def _data(equivalence: Equivalence, variables: Variables | None) -> DataDrift | str:
    """What differs between the data, or why that is not known."""
    try:
        return data_drift(equivalence, variables)
    except MalformedTable as exc:
        return str(exc)


def _native(old: BinaryFacts, new: BinaryFacts, problems: dict[str, str]) -> NativeDrift | None:
    for label, facts in (("OLD", old), ("NEW", new)):
        if facts.native is None:
            problems["native"] = f"{label}: {facts.native_problem}"
            return None
    try:
        return native_drift(old, new)
    except (MalformedElf, MalformedTable) as exc:
        problems["native"] = str(exc)
        return None

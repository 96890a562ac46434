"""Two BinaryFacts -> Drift: each part whose evidence is there, and why the others are not."""

from __future__ import annotations

from probes.drift.addresses.equivalence import Equivalence
from probes.drift.addresses.same_layout import same_constants
from probes.drift.build import build_drift
from probes.drift.compare_functions import compare_code
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
from probes.drift.variables.compare import Variables, global_drift, pair_variables, why_not
from probes.errors import MalformedElf, MalformedTable
from probes.go.facts import SHARED, BinaryFacts
from probes.go.not_go import NOT_GO
from probes.go.types.table import TypeTable


def compare(old: BinaryFacts, new: BinaryFacts, *, places: bool = False) -> Drift:
    """Compare two binaries. A part that cannot be compared is None, and `problems` says why.

    With `places`, the variables of stripped programs are compared by where they are and what refers to them.
    """
    problems: dict[str, str] = {}
    places &= old.symtab is None or new.symtab is None
    functions, equivalence, moved = _functions(old, new, problems, places=places)
    variables = _variables(old, new, problems)
    data = _data(equivalence, variables, problems)
    del equivalence  # the largest of all that is kept here
    return Drift(
        functions=functions,
        build=_build(old, new, problems),
        init=_init(old, new, problems),
        problems=problems,
        types=_types(old, new, problems),
        globals=_by_place(moved, problems) if places and functions else _globals(old, new, variables, problems),
        native=_native(old, new, problems),
        data=data,
    )


def _functions(
    old: BinaryFacts, new: BinaryFacts, problems: dict[str, str], *, places: bool
) -> tuple[FunctionDrift | None, Equivalence | None, str]:
    for label, facts in (("OLD", old), ("NEW", new)):
        if facts.linkage == SHARED:
            problems["functions"] = f"{label}: {NOT_GO}"
            return None, None, ""
        if facts.health.unverifiable or facts.functions is None or facts.module is None:
            problems["functions"] = f"{label}'s function table cannot be verified: {facts.health.unverifiable}"
            return None, None, ""
    if old.arch != new.arch:
        problems["functions"] = f"the architectures differ: {old.arch} and {new.arch}"
        return None, None, ""
    try:
        sides = [Side(f, f.functions, f.module) for f in (old, new) if f.functions is not None and f.module is not None]
        return compare_code(*sides, by_place=places)
    except MalformedTable as exc:
        problems["functions"] = str(exc)
        return None, None, ""


def _types(old: BinaryFacts, new: BinaryFacts, problems: dict[str, str]) -> LayoutDrift | None:
    if old.arch != new.arch:
        problems["types"] = f"the architectures differ: {old.arch} and {new.arch}"
        return None
    tables: list[TypeTable] = []
    twins = same_constants(old, new)
    for label, facts in (("OLD", old), ("NEW", new)):
        if tables and twins:
            tables.append(tables[0])
            continue
        if facts.types is None:
            problems["types"] = f"{label}: {facts.health.unverifiable or 'no module data was found'}"
            return None
        try:
            tables.append(facts.types.read())
        except MalformedTable as exc:
            problems["types"] = f"{label}'s type descriptors cannot be read: {exc.what}"
            return None
    try:
        return layout_drift(*tables)
    except MalformedTable as exc:
        problems["types"] = exc.what
        return None


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


def _data(equivalence: Equivalence | None, variables: Variables | None, problems: dict[str, str]) -> DataDrift | None:
    if equivalence is None:
        problems["data"] = problems["functions"]
        return None
    try:
        return data_drift(equivalence, variables)
    except MalformedTable as exc:
        problems["data"] = str(exc)
        return None


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

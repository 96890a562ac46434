"""Package variables that were written down, held against those of NEW."""

from __future__ import annotations

from collections.abc import Mapping

from probes.drift.facts import GlobalDrift, VariableChange, VariableRef
from probes.go.facts import BinaryFacts
from probes.go.variables.saved import SavedVariable, save_variables


def saved_drift(promised: Mapping[str, SavedVariable], new: BinaryFacts) -> GlobalDrift:
    """What became of the variables `promised`; whatever else NEW has was not asked about.

    Raises:
        MalformedTable: NEW has no symbols, or their names cannot be read.
    """
    found = save_variables(new, promised)
    removed: list[VariableRef] = []
    resized: list[VariableChange] = []
    retyped: list[VariableChange] = []
    untyped: list[str] = []
    for name, old in promised.items():
        now, package = found.variables.get(name), name.rpartition(".")[0]
        if now is None:
            removed.append(VariableRef(name, package, old.size, old.type))
            continue
        types = f"{old.type} → {now.type}" if old.type and now.type and old.type != now.type else ""
        if old.size != now.size:
            detail = f"{types}{', ' if types else ''}{old.size:,} → {now.size:,} bytes"
            resized.append(VariableChange(name, package, old.size, now.size, detail, old.type, now.type))
        elif not (old.fingerprint and now.fingerprint):
            untyped.append(name)
        elif old.fingerprint != now.fingerprint:
            detail = types or f"{now.type} is laid out otherwise"
            retyped.append(VariableChange(name, package, old.size, now.size, detail, old.type, now.type))
    return GlobalDrift(
        old=len(promised),
        new=len(found.variables),
        compared=len(found.variables),
        added=(),
        removed=tuple(removed),
        resized=tuple(resized),
        retyped=tuple(retyped),
        types_problem=f"NEW: {found.problem}" if found.problem else "",
        damaged=found.damaged,
        untyped=tuple(untyped),
        untyped_go=len(untyped),
    )

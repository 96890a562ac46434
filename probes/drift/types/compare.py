"""Compare the types of two binaries: layouts of named types, by value and by reference, and method sets of interfaces."""

from __future__ import annotations

import numpy as np

from probes.drift.types.facts import EFFECTS, LayoutChange, LayoutDrift, TypeChange
from probes.drift.types.lazy import PairingOnDemand
from probes.drift.types.pairing import Pairing
from probes.drift.types.reach import Walk
from probes.go.types.table import TypeTable


def layout_drift(old: TypeTable, new: TypeTable) -> LayoutDrift:
    """What differs between the named types of two programs of one architecture.

    Types are paired by full name; an address or a hash that differs is no change. A type is `changed` if its own
    description differs or that of something which it holds by value; `reached` also follows references.

    Raises:
        MalformedTable: the types nest into one another more than those of any program.
    """
    pairing = Pairing(old, new)
    partner, named = pairing.partner, old.named
    paired = named & (partner >= 0)
    rows = np.flatnonzero(paired & pairing.touched)
    gone, came = named & (partner < 0), new.named.copy()
    came[partner[paired]] = False
    return LayoutDrift(
        old=int(np.count_nonzero(named)),
        new=int(np.count_nonzero(new.named)),
        compared=int(np.count_nonzero(paired)),
        added=tuple(sorted(new.full_names[row] for row in np.flatnonzero(came).tolist())),
        removed=tuple(sorted(old.full_names[row] for row in np.flatnonzero(gone).tolist())),
        changed=tuple(sorted(_changes(pairing, rows.tolist()), key=lambda change: change.name)),
        problems=tuple(f"{side}: {what}" for side, table in (("OLD", old), ("NEW", new)) for what in table.problems),
        pairing=PairingOnDemand(pairing),
    )


def _changes(pairing: Pairing, rows: list[int]) -> list[TypeChange]:
    out, walk = [], Walk(pairing)
    for row in rows:
        new_row = int(pairing.partner[row])
        changes = walk.changes(row, new_row, by_reference=False)
        if changes:
            out.append(
                TypeChange(
                    name=pairing.old.name(row),
                    kind=pairing.old.kind_name(row),
                    old_size=int(pairing.old.size[row]),
                    new_size=int(pairing.new.size[new_row]),
                    effect=max((change.effect for change in changes), key=EFFECTS.index),
                    changes=changes,
                )
            )
    return out


def reached(drift: LayoutDrift, name: str) -> tuple[LayoutChange, ...] | None:
    """Every change that the type with the full name `name` in OLD reaches, by value or by reference.

    Returns:
        the changes; empty when there are none; None when the type is not in both files.

    Raises:
        MalformedTable: as `layout_drift`.
    """
    pairing = drift.pairing.get()
    row = pairing.old.find(name)
    if row < 0 or pairing.partner[row] < 0:
        return None
    return Walk(pairing).changes(row, int(pairing.partner[row]), by_reference=True)

"""What the store has of the rehearsal that a policy requires."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.evidence.rehearsal import PastRehearsal
    from gate.policy.model import Policy

DAY = 86400.0


def past_rehearsals(policy: Policy, store: str | None) -> Callable[[str, str], PastRehearsal]:
    """Finds the last rehearsal of two files by their SHA-256, in the store that verdicts go into.

    Raises:
        StoreError: the store cannot be read. PolicyError: `rehearsal.max_age` means nothing.
    """
    from gate.evidence.rehearsal import PastRehearsal
    from gate.rehearsal.plan.model import Plan
    from gate.store import rehearsals
    from gate.store.database import Database

    plan = Plan()
    if policy.source:
        from gate.rehearsal.plan.reading import load_plan

        plan = load_plan(policy.source) or plan
    database = Database.open(store or policy.store)

    def find(old: str, new: str) -> PastRehearsal:
        with database, database.read() as connection:
            last = rehearsals.last_of(connection, old, new)
        limit = plan.max_age / DAY
        if last is None:
            return PastRehearsal(old, new, "", 0.0, limit)
        return PastRehearsal(old, new, last.verdict, max(time.time() - last.at_ms / 1000, 0.0) / DAY, limit, last.seq)

    return find

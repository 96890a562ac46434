"""SIGKILL in the middle of an append: nothing acknowledged is lost. `make crash` does it 300 times."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from gate.store.database import Database
from scripts.truth import crash

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.patient

ROUNDS = 4


@pytest.mark.parametrize(
    "kind", ["append", *(pytest.param(each, marks=pytest.mark.long) for each in ("check", "sidecar"))]
)
def test_nothing_acknowledged_is_lost(new_store: Callable[[], str], kind: str) -> None:
    store = new_store()
    busy, records, problems = crash.KINDS[kind](ROUNDS, store, random.Random(7))
    assert problems == []
    assert busy
    assert records


def test_a_lost_record_would_be_noticed(new_store: Callable[[], str]) -> None:
    store = new_store()
    heads = crash.kill_once(crash.appender(store), None, enough=2)
    assert crash.look(store, heads) == []
    with Database.open(store) as database, database.write() as connection:
        from sqlalchemy import delete, update  # noqa: PLC0415

        from gate.store.tables import AUDIT, AUDIT_HEAD  # noqa: PLC0415

        connection.execute(delete(AUDIT).where(AUDIT.c.seq == heads[-1].seq))
        connection.execute(update(AUDIT_HEAD).values(seq=heads[-2].seq, hash=heads[-2].hash))
    assert crash.look(store, heads)
    assert crash.look_briefly(store, heads)

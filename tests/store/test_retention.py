"""What is forgotten, and what never is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from gate.store import audit, chain
from gate.store.database import Database
from gate.store.polled import Polled, Sample
from gate.store.retention import Retention, describe, integrity, trim, used_bytes
from gate.store.samples import samples_since, service_ids, write
from gate.store.tables import AUDIT, SAMPLES, WINDOWS
from tests.store.filled import HOUR, NOW, count, fill

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_old_history_is_forgotten_and_the_audit_log_is_not(new_store: Callable[[], str]) -> None:
    with Database.open(new_store()) as database:
        fill(database, hours=48)
        audit.append(database, "{}")
        assert trim(database, Retention(), now=NOW) == 0
        trim(database, Retention(seconds=12 * HOUR), now=NOW)
        assert (count(database, SAMPLES), count(database, WINDOWS), count(database, AUDIT)) == (12 * 60 + 1, 13, 1)
        with database.read() as connection:
            assert connection.execute(select(func.min(SAMPLES.c.due_ms))).scalar() == int((NOW - 12 * HOUR) * 1000)


def test_the_oldest_goes_first_when_there_is_too_much(new_store: Callable[[], str]) -> None:
    with Database.open(new_store()) as database:
        fill(database, hours=200)
        before = used_bytes(database)
        trim(database, Retention(size=before // 2), now=NOW)
        assert before // 4 < used_bytes(database) <= before // 2
        with database.read() as connection:
            assert connection.execute(select(func.max(SAMPLES.c.due_ms))).scalar() == int(NOW * 1000)
        trim(database, Retention(size=1), now=NOW)
        assert count(database, SAMPLES) == 0


def test_a_long_audit_log_does_not_cost_the_samples_their_place(tmp_path: Path) -> None:
    with Database.open(str(tmp_path / "a.db")) as database:
        for _ in range(150):
            audit.append(database, chain.canonical({"pad": "x" * 20_000}))
        ids = service_ids(database, [("orders", "http://h")])
        now = int(time.time() * 1000)
        write(database, [Polled(Sample("orders", now - n * 10_000, 0, 0, "ok")) for n in range(100)], ids)
        assert trim(database, Retention(None, 1_000_000)) == 0
        with database.read() as connection:
            assert len(samples_since(connection, ids["orders"], 0)) == 100


def test_sqlite_gives_its_space_back(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Database.open(str(path)) as database:
        fill(database, hours=400)
    before = path.stat().st_size
    with Database.open(str(path)) as database:
        trim(database, Retention(seconds=HOUR), now=NOW)
    assert path.stat().st_size < before / 2


def test_a_store_is_described_and_checked(new_store: Callable[[], str]) -> None:
    with Database.open(new_store()) as database:
        fill(database, hours=2)
        words = dict(describe(database))
        assert words["samples"].startswith("120 since 2026-05-")
        assert integrity(database) == []

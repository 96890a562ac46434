"""History to put into a store, and how much of it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select

from gate.store.tables import SAMPLES, SERVICES, WINDOWS

if TYPE_CHECKING:
    from gate.store.database import Database

NOW = 1_780_000_000.0
HOUR = 3600.0


def fill(database: Database, *, hours: int, each: int = 60) -> None:
    """History of one service: `each` samples and a window an hour, the newest at NOW."""
    with database.write() as connection:
        row = {"name": "orders", "url": "http://127.0.0.1:1", "first_seen_ms": 0}
        key = connection.execute(insert(SERVICES).values(row)).inserted_primary_key[0]
        blank = {"error": "", "source": "goprobe", "epoch": "e" * 32, "profiler": "none", "counters": "{}"}
        blank |= {"health_parts": "[]", "service_id": key, "late_ms": 1, "took_ms": 2, "state": "ok"}
        samples = [blank | {"due_ms": int((NOW - n * HOUR / each) * 1000)} for n in range(hours * each)]
        connection.execute(insert(SAMPLES), samples)
        window = {"service_id": key, "epoch": "e", "generation": 1, "start_ns": 0, "end_ns": 1, "rate_hz": 100}
        window |= {"samples": 1, "cpu_seconds": 0.5, "state": "ok", "reason": ""}
        connection.execute(
            insert(WINDOWS), [window | {"seq": n, "wall_ms": int((NOW - n * HOUR) * 1000)} for n in range(hours)]
        )


def count(database: Database, table: object) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()  # type: ignore[arg-type]

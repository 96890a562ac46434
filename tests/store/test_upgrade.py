"""Tables and their versions, on both databases."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, select, text

from gate.store import audit
from gate.store.database import Database
from gate.store.errors import StoreError
from gate.store.tables import AUDIT, METADATA, REVISION, SAMPLES
from gate.store.upgrade import config
from tests.store.filled import count, fill

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.postgres import Server


def test_the_migrations_make_the_tables_that_are_declared(new_store: Callable[[], str]) -> None:
    with Database.open(new_store()) as database, database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
    assert ScriptDirectory.from_config(config()).get_current_head() == REVISION


def test_upgrading_twice_changes_nothing_and_keeps_everything(new_store: Callable[[], str]) -> None:
    with Database.open(new_store()) as database:
        audit.append(database, "{}")
        database.upgrade()
        assert count(database, AUDIT) == 1


def test_history_of_the_version_before_is_kept(new_store: Callable[[], str]) -> None:
    place = new_store()
    with Database.open(place) as database:
        fill(database, hours=1)
        with database.write() as connection:
            for column in ("continuity", "connections", "connections_kept"):
                connection.execute(text(f"ALTER TABLE samples DROP COLUMN {column}"))
            connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    with pytest.raises(StoreError, match="it has 0001"):
        Database.open(place)
    with Database.connect(place) as database:
        database.upgrade()
    with Database.open(place) as database, database.read() as connection:
        assert count(database, SAMPLES) == 60
        assert connection.execute(select(func.count(SAMPLES.c.continuity))).scalar() == 0


def test_who_comes_second_to_an_upgrade_finds_it_done(store: str) -> None:
    failures: list[Exception] = []

    def upgrade() -> None:
        try:
            with Database.connect(store) as database:
                database.upgrade()
        except StoreError as exc:
            failures.append(exc)

    threads = [threading.Thread(target=upgrade) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with Database.open(store) as database:
        assert count(database, AUDIT) == 0


def test_a_store_of_another_version_is_an_error_with_the_way_out(new_store: Callable[[], str]) -> None:
    place = new_store()
    for version, kind, hint in (("0000", "outdated", "hotgate store upgrade"), ("9999", "newer", "upgrade hotgate")):
        with Database.connect(place) as database, database.write() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": version})
        with pytest.raises(StoreError) as caught:
            Database.open(place)
        assert (caught.value.kind, hint in caught.value.hint) == (kind, True)
    with Database.connect(place) as database, pytest.raises(StoreError) as caught:
        database.upgrade()
    assert caught.value.kind == "newer"


def test_an_empty_postgresql_database_is_not_filled_unasked(postgresql: Server) -> None:
    with pytest.raises(StoreError) as caught:
        Database.open(postgresql.new_database())
    assert caught.value.kind == "outdated"


def test_somebody_elses_tables_are_left_alone(store: str) -> None:
    with Database.connect(store) as database:
        with database.write() as connection:
            connection.execute(text("CREATE TABLE samples (x INTEGER)"))
        with pytest.raises(StoreError, match="a table samples that is not hotgate's"):
            database.upgrade()

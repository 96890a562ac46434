"""What is said when a store is full, locked, read-only, damaged or gone."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from gate.store import audit, chain
from gate.store.database import Database
from gate.store.errors import StoreError
from gate.store.retention import integrity

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres import Server


def test_a_full_sqlite_store_refuses_and_acknowledges_nothing(tmp_path: Path) -> None:
    place = str(tmp_path / "a.db")
    with Database.open(place) as database:
        audit.append(database, "{}")
        with database.read() as connection:
            pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        engine = database._engine
        with engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            connection.rollback()
        with pytest.raises(StoreError) as caught:  # noqa: PT012 - somewhere on the way
            for _ in range(10):
                audit.append(database, '"' + "x" * 20_000 + '"')
        assert (caught.value.kind, str(caught.value).startswith("the store is full")) == ("full", True)
    with Database.open(place) as database, database.read() as connection:
        assert list(chain.verify(audit.records(connection), audit.stored_head(connection))) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_is_said_as_such(tmp_path: Path) -> None:
    import subprocess  # noqa: PLC0415

    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", disk], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        acknowledged = 0
        with Database.open(str(disk / "a.db")) as database:
            with pytest.raises(StoreError) as caught:  # noqa: PT012
                while acknowledged < 1000:
                    audit.append(database, '"' + "x" * 5_000 + '"')
                    acknowledged += 1
            assert caught.value.kind == "full"
            with database.read() as connection:
                assert chain.Head(acknowledged, "") == chain.Head(audit.last_head(connection).seq, "")
                assert list(chain.verify(audit.records(connection), audit.stored_head(connection))) == []
    finally:
        subprocess.run(["umount", disk], check=True)


def test_what_went_into_a_deleted_file_is_not_acknowledged(tmp_path: Path) -> None:
    place, backup = tmp_path / "a.db", tmp_path / "backup.db"
    with Database.open(str(place)) as database:
        audit.append(database, "{}")
        with closing(sqlite3.connect(place)) as one, closing(sqlite3.connect(backup)) as other:
            one.backup(other)
        for path in tmp_path.glob("a.db*"):
            path.unlink()
        for _ in range(3):
            with pytest.raises(StoreError) as caught:
                audit.append(database, "{}")
            assert (caught.value.kind, place.exists()) == ("missing", False)
        backup.rename(place)
        assert audit.append(database, "{}").seq == 2, "a backup that is put there is taken"
        with pytest.raises(StoreError) as caught, database.write():
            place.unlink()
        assert caught.value.kind == "missing", "deleted while it was written to"


def test_who_reads_a_store_does_not_make_one(tmp_path: Path) -> None:
    place = tmp_path / "typo.db"
    with pytest.raises(StoreError) as caught:
        Database.open(str(place), existing=True)
    assert (caught.value.kind, place.exists()) == ("missing", False)
    place.touch()
    with pytest.raises(StoreError) as caught:
        Database.open(str(place), existing=True)
    assert caught.value.kind == "outdated", "a file without tables is no log either"


def test_a_locked_sqlite_store_is_given_up_after_a_while(tmp_path: Path) -> None:
    place = str(tmp_path / "a.db")
    Database.open(place).close()
    with closing(sqlite3.connect(place)) as other, Database.open(place, lock_seconds=0.2) as database:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError) as caught:
            audit.append(database, "{}")
        assert caught.value.kind == "locked"
        with database.read() as connection:
            assert audit.last_head(connection) == chain.EMPTY, "readers are not held up"
        other.rollback()
        assert audit.append(database, "{}").seq == 1


def test_a_locked_postgresql_store_is_given_up_after_a_while(postgresql: Server) -> None:
    place = postgresql.new_database()
    with Database.connect(place) as database:
        database.upgrade()
    with Database.open(place) as first, Database.open(place, lock_seconds=0.2) as second, first.write() as connection:
        connection.execute(text("SELECT * FROM audit_head FOR UPDATE"))
        with pytest.raises(StoreError) as caught:
            audit.append(second, "{}")
        assert caught.value.kind == "locked"


def test_a_store_that_may_only_be_read_is_said_as_such(postgresql: Server, tmp_path: Path) -> None:
    place = postgresql.new_database()
    with Database.connect(place) as database:
        database.upgrade()
        with database.outside() as connection:
            name = connection.execute(text("SELECT current_database()")).scalar_one()
            connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    with Database.open(place) as database, pytest.raises(StoreError) as caught:
        audit.append(database, "{}")
    assert caught.value.kind == "read-only"
    if os.geteuid() != 0:
        path = tmp_path / "a.db"
        Database.open(str(path)).close()
        path.chmod(0o400)
        with pytest.raises(StoreError) as caught:
            Database.open(str(path))
        assert caught.value.kind == "read-only"


def test_a_user_without_rights_is_denied(postgresql: Server) -> None:
    place = postgresql.new_database()
    with Database.connect(place) as database:
        database.upgrade()
    if not postgresql.sql("SELECT 1 FROM pg_roles WHERE rolname = 'guest'"):
        postgresql.sql("CREATE ROLE guest LOGIN")
    with pytest.raises(StoreError) as caught:
        Database.open(place.replace("hotgate@", "guest@"))
    assert caught.value.kind == "denied"
    with pytest.raises(StoreError) as caught:
        Database.open(postgresql.url("nowhere"))
    assert caught.value.kind == "unreachable"


@pytest.mark.parametrize("damage", ["head", "middle", "all"])
def test_a_damaged_sqlite_store_is_said_as_such(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.db"
    with Database.open(str(path)) as database:
        for n in range(300):
            audit.append(database, chain.canonical({"n": n, "pad": "x" * 500}))
        with database.outside() as connection:
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).all()
    data = bytearray(path.read_bytes())
    if damage == "all":
        data = bytearray(os.urandom(len(data)))
    else:
        start = 0 if damage == "head" else len(data) // 2
        data[start : start + 8192] = b"\xa5" * 8192
    path.write_bytes(data)

    def read_all() -> list[str]:
        with Database.open(str(path)) as database:
            found = integrity(database)
            with database.read() as connection:
                log = chain.verify(audit.records(connection), audit.stored_head(connection))
                return found + [each.what for each in log]

    try:
        assert read_all()
    except StoreError as exc:
        assert exc.kind == "corrupt"  # noqa: PT017 - found either way


def test_a_database_server_that_goes_away_is_reached_again(postgresql: Server) -> None:
    place = postgresql.new_database()
    with Database.connect(place) as database:
        database.upgrade()
    with Database.open(place) as database:
        audit.append(database, "{}")
        postgresql.stop()
        with pytest.raises(StoreError) as caught:
            audit.append(database, "{}")
        assert caught.value.kind == "unreachable"
        postgresql.start()
        deadline = time.monotonic() + 300
        while True:
            try:
                assert audit.append(database, "{}").seq == 2
                break
            except StoreError:
                assert time.monotonic() < deadline

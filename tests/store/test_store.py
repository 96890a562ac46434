"""The store on both databases: tables, versions, retention, and what is said when it fails."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, insert, select, text

from gate.sidecar.sample import Polled, Sample
from gate.store import audit, chain
from gate.store.database import Database
from gate.store.errors import StoreError
from gate.store.place import default_place, parse_place, shown
from gate.store.retention import Retention, describe, integrity, trim, used_bytes
from gate.store.samples import samples_since, service_ids, write
from gate.store.tables import AUDIT, METADATA, REVISION, SAMPLES, SERVICES, WINDOWS
from gate.store.upgrade import config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.postgres import Server

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
            connection.execute(text("ALTER TABLE samples DROP COLUMN continuity"))
            connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    with pytest.raises(StoreError, match="it has 0001"):
        Database.open(place)
    with Database.connect(place) as database:
        database.upgrade()
    with Database.open(place) as database, database.read() as connection:
        assert count(database, SAMPLES) == 60
        assert connection.execute(select(func.count(SAMPLES.c.continuity))).scalar() == 0


@pytest.mark.parametrize("order", [["unreachable", "ok"], ["ok", "unreachable"], ["garbage", "partial", "unreachable"]])
def test_of_two_polls_the_one_that_was_answered_is_kept(new_store: Callable[[], str], order: list[str]) -> None:
    def polled(state: str, epoch: str = "") -> Polled:
        return Polled(Sample("orders", 7, 0, 1, state, epoch=epoch))  # type: ignore[arg-type]

    with Database.open(new_store()) as database:
        ids = service_ids(database, [("orders", "http://h")])
        for state in order:
            write(database, [polled(state)], ids)
        write(database, [polled("unreachable"), polled("ok", "another"), polled("garbage")], ids)
        with database.read() as connection:
            (row,) = samples_since(connection, ids["orders"], 0)
            assert (row.state in ("ok", "partial"), row.epoch) == (True, "")


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


def test_sqlite_is_durable_and_private(tmp_path: Path) -> None:
    with Database.open(str(tmp_path / "new" / "a.db")) as database, database.read() as connection:
        found = {name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous")}
        assert found == {"journal_mode": "wal", "synchronous": 2}
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


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
    from gate.sidecar.sample import Polled, Sample  # noqa: PLC0415
    from gate.store.samples import samples_since, service_ids, write  # noqa: PLC0415

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


def test_two_writers_make_one_chain(new_store: Callable[[], str]) -> None:
    place = new_store()

    def work(name: str) -> None:
        with Database.open(place) as database:
            for n in range(25):
                audit.append(database, chain.canonical({"who": name, "n": n}))

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Database.open(place) as database, database.read() as connection:
        assert audit.last_head(connection).seq == 100
        assert list(chain.verify(audit.records(connection), audit.stored_head(connection))) == []


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
        deadline = time.monotonic() + 20
        while True:
            try:
                assert audit.append(database, "{}").seq == 2
                break
            except StoreError:
                assert time.monotonic() < deadline


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        ("a.db", "sqlite:///a.db"),
        ("sqlite:////srv/a.db", "sqlite:////srv/a.db"),
        ("postgres://u:p@h/d", "postgresql+psycopg://u:***@h/d"),
        ("postgresql+psycopg://h/d", "postgresql+psycopg://h/d"),
    ],
)
def test_where_a_store_is(setting: str, url: str) -> None:
    assert repr(parse_place(setting)) == url
    assert "p@h" not in shown(parse_place(setting))


@pytest.mark.parametrize(
    "setting",
    [
        "mysql://h/d",
        "sqlite://",
        "sqlite:///",
        "://",
        "postgresql+asyncpg://h/d",
        ":memory:",
        "sqlite:///:memory:",
        "sqlite:///file:a?mode=memory&uri=true",
    ],
)
def test_what_is_no_store(setting: str) -> None:
    with pytest.raises(StoreError) as caught:
        parse_place(setting)
    assert caught.value.kind == "setting"


def test_the_default_place() -> None:
    assert default_place({"STATE_DIRECTORY": "/var/lib/hotgate:/x"}) == "/var/lib/hotgate/hotgate.db"
    assert default_place({"XDG_STATE_HOME": "/s"}) == "/s/hotgate/hotgate.db"
    assert default_place({}).endswith("/.local/state/hotgate/hotgate.db")


def test_a_clock_that_was_set_by_years_does_not_keep_the_others_out(new_store: Callable[[], str]) -> None:
    from gate.sidecar.sample import Polled, Sample  # noqa: PLC0415
    from gate.store.samples import samples_since, service_ids, write  # noqa: PLC0415

    with Database.open(new_store()) as database:
        ids = service_ids(database, [("orders", "http://h")])
        years = 56 * 365 * 86_400_000
        write(database, [Polled(Sample("orders", n, late, 0, "ok")) for n, late in enumerate((0, years, -years))], ids)
        with database.read() as connection:
            assert [row.late_ms for row in samples_since(connection, ids["orders"], 0)] == [
                0,
                (1 << 31) - 1,
                1 - (1 << 31),
            ]

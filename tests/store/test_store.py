"""Where a store is, who may read it, and what several writers make of it."""

from __future__ import annotations

import stat
import threading
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from gate.store import audit, chain
from gate.store.database import Database
from gate.store.errors import StoreError
from gate.store.place import default_place, parse_place, shown
from gate.store.polled import Polled, Sample
from gate.store.samples import samples_since, service_ids, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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


def test_sqlite_is_durable_and_private(tmp_path: Path) -> None:
    with Database.open(str(tmp_path / "new" / "a.db")) as database, database.read() as connection:
        found = {name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous")}
        assert found == {"journal_mode": "wal", "synchronous": 2}
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


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


def test_a_clock_that_was_set_by_years_does_not_keep_the_others_out(new_store: Callable[[], str]) -> None:
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

"""The database itself: connections, transactions, and whether its tables are of this version."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import create_engine, event, inspect, text

from gate.store.errors import StoreError
from gate.store.failures import failure, said_clearly
from gate.store.file import File, must_exist
from gate.store.place import SQLITE, parse_place, shown
from gate.store.tables import METADATA, REVISION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from sqlalchemy import Connection, Engine

LOCK_SECONDS = 10.0
"""How long a transaction waits for another process's."""

CONNECT_SECONDS = 10


class Database:
    """An open store. Use it as a context manager, or close it."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self.name = name
        self.is_sqlite = engine.dialect.name == SQLITE
        self._file = File(str(engine.url.database), name) if self.is_sqlite else None

    @classmethod
    def open(cls, setting: str, *, existing: bool = False, lock_seconds: float = LOCK_SECONDS) -> Self:
        """The store that `setting` names, "" for the default one.

        An SQLite file that is not there yet is made, unless it has to be `existing`: a command that reads a log that is not there
        must not find an empty one.

        Raises:
            StoreError: it cannot be opened, or its tables are of another version.
        """
        if existing:
            must_exist(setting)
        database = cls.connect(setting, lock_seconds=lock_seconds)
        try:
            database._check_version(make=not existing)  # noqa: SLF001 - our own
        except BaseException:
            database.close()
            raise
        return database

    @classmethod
    def connect(cls, setting: str, *, lock_seconds: float = LOCK_SECONDS) -> Self:
        """As `open`, whatever tables there are."""
        url = parse_place(setting)
        name = shown(url)
        arguments: dict[str, Any]
        if url.get_backend_name() == SQLITE:
            _make_folder(str(url.database), name)
            arguments = {"timeout": lock_seconds, "isolation_level": None, "check_same_thread": False}
        else:
            arguments = {
                "connect_timeout": CONNECT_SECONDS,
                "application_name": "hotgate",
                "options": f"-c lock_timeout={int(lock_seconds * 1000)} -c synchronous_commit=on",
            }
        with said_clearly(name):
            engine = create_engine(url, connect_args=arguments, hide_parameters=True, pool_pre_ping=True)
        database = cls(engine, name)
        if database._file is not None:
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            database._file.watch(engine)
        return database

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that has been committed, and is on the disk, when the block is left without an error.

        Raises:
            StoreError: nothing of it was kept.
        """
        with said_clearly(self.name), self._engine.connect() as connection:
            with connection.begin():
                yield connection
            if self._file is not None:
                self._file.check(connection)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view. SQLite takes no lock for it that would stop a writer.

        Raises:
            StoreError: the store cannot be read.
        """
        with said_clearly(self.name), self._engine.connect() as plain:
            connection = plain.execution_options(reads=True) if self.is_sqlite else _repeatable(plain)
            with connection.begin():
                yield connection

    @contextmanager
    def outside(self) -> Iterator[Connection]:
        """A connection without transactions, for what the database refuses inside of one."""
        with said_clearly(self.name), self._engine.connect() as connection:
            if self.is_sqlite:  # SQLAlchemy's AUTOCOMMIT would leave the connection with the driver's own transactions
                yield connection.execution_options(bare=True)
            else:
                yield connection.execution_options(isolation_level="AUTOCOMMIT")

    def revision(self) -> str | None:
        """The migration that its tables are the outcome of; None without any."""
        with self.read() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            return None if found is None else str(found)

    def _check_version(self, *, make: bool) -> None:
        found = self.revision()
        if make and found is None and self.is_sqlite and self.is_empty():
            self.upgrade()
        elif found != REVISION:
            newer = found is not None and found > REVISION
            raise failure("newer" if newer else "outdated", self.name, f"it has {found or 'none'}, not {REVISION}")

    def is_empty(self) -> bool:
        """Whether it has no tables at all."""
        with self.read() as connection:
            return not inspect(connection).get_table_names()

    def upgrade(self) -> None:
        """Make or migrate the tables, in one transaction: a crash leaves the old ones.

        Raises:
            StoreError: the database refuses, or holds tables that are not hotgate's.
        """
        with self.write() as connection:
            if not self.is_sqlite:  # a second process waits, and finds it done
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": 0x686F7467})
            found = inspect(connection).get_table_names()
            foreign = sorted(set(found) & set(METADATA.tables)) if "alembic_version" not in found else []
            if foreign:
                what = f"it has a table {foreign[0]} that is not hotgate's"
                raise StoreError("other", what, subject=self.name, hint="give hotgate a database of its own")
            if "alembic_version" in found:
                before = str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")
                if before > REVISION:
                    raise failure("newer", self.name, f"it has {before}, not {REVISION}")
            from gate.store.upgrade import migrate

            migrate(connection)


def _repeatable(connection: Connection) -> Connection:
    return connection.execution_options(isolation_level="REPEATABLE READ")


def _make_folder(path: str, name: str) -> None:
    folder = Path(path).absolute().parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise failure("unreachable", name, exc.strerror or str(exc)) from exc
    if Path(path).exists() and not os.access(path, os.W_OK):
        raise failure("read-only", name)


def _prepare_sqlite(raw: Any, _record: object) -> None:
    # FULL: a commit has been written through to the disk before it is acknowledged. With NORMAL, WAL would lose the last ones
    # when the machine loses power (sqlite.org/pragma.html#pragma_synchronous).
    cursor = raw.cursor()
    if cursor.execute("PRAGMA page_count").fetchone()[0] == 0:
        cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")  # only a file without a page can take it on
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "trusted_schema=OFF",
        "cell_size_check=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that will write takes the write lock first: one that came to it later could only fail.
    options = connection.get_execution_options()
    if not options.get("bare", False):
        connection.exec_driver_sql("BEGIN" if options.get("reads", False) else "BEGIN IMMEDIATE")

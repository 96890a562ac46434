"""The file of an SQLite store: that it is there, and is still the one that was opened.

SQLite itself goes on writing into a file that was deleted, and acknowledges records that are lost.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError

from gate.store.failures import failure
from gate.store.place import SQLITE, parse_place, shown

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import Connection, Engine

_OPENED = "hotgate.file"


class File:
    """The file at `path`; `name` is what people know the store by."""

    def __init__(self, path: str, name: str) -> None:
        self._path = path
        self._name = name
        self._was_there = False

    def watch(self, engine: Engine) -> None:
        """Let no connection of `engine` be used whose file is gone, and make none anew in its place."""
        event.listen(engine, "do_connect", self._before)
        event.listen(engine, "connect", self._opened)
        event.listen(engine, "checkout", self._taken)

    def check(self, connection: Connection) -> None:
        """Refuse what was just committed if it went into a file that is no longer at its path.

        Raises:
            StoreError: it did.
        """
        if self._identity() != connection.info[_OPENED]:
            raise failure("missing", self._name)

    def _before(self, *_: object) -> None:
        if self._was_there and self._identity() is None:
            raise failure("missing", self._name)

    def _opened(self, _raw: object, record: Any) -> None:
        record.info[_OPENED] = self._identity()
        self._was_there = True

    def _taken(self, _raw: object, record: Any, _proxy: object) -> None:
        found = self._identity()
        if found is None:
            raise failure("missing", self._name)
        if found != record.info[_OPENED]:
            raise DisconnectionError  # another file is in its place, such as a backup: it is opened instead

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)  # noqa: PTH116 - a path that is no more than that
        except OSError:
            return None
        return found.st_dev, found.st_ino


def must_exist(setting: str) -> None:
    """Refuse an SQLite store without a file.

    Raises:
        StoreError: there is none.
    """
    url = parse_place(setting)
    if url.get_backend_name() == SQLITE and not os.path.exists(str(url.database)):  # noqa: PTH110 - as above
        raise failure("missing", shown(url))

"""Where the store is: a path, or an SQLAlchemy URL."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from gate.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import URL

HINT = "a path, sqlite:///PATH, or postgresql+psycopg://USER@HOST/DATABASE"
SQLITE = "sqlite"
POSTGRESQL = "postgresql"
DRIVERS = {"sqlite": "sqlite", "sqlite+pysqlite": "sqlite"} | dict.fromkeys(
    ("postgres", "postgresql", "postgresql+psycopg"), "postgresql+psycopg"
)


def default_place(environ: Mapping[str, str] = os.environ) -> str:
    """`hotgate/hotgate.db` in systemd's STATE_DIRECTORY, else in XDG_STATE_HOME (XDG Base Directory 0.8)."""
    own = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if own:
        return str(Path(own, "hotgate.db"))
    return str(Path(environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state", "hotgate", "hotgate.db"))


def parse_place(setting: str) -> URL:
    """The URL that the `store` setting stands for; the default one for "".

    Raises:
        StoreError: it names no store that can be used.
    """
    from sqlalchemy import URL, make_url
    from sqlalchemy.exc import ArgumentError

    text = setting or default_place()
    if "://" not in text:
        return _file(URL.create(SQLITE, database=str(Path(text).expanduser())))
    try:
        url = make_url(text)
        driver = DRIVERS[url.drivername]
    except (ArgumentError, ValueError, KeyError) as exc:
        scheme = text.partition("://")[0][:40]
        raise StoreError("setting", "not a store that hotgate can use", subject=f"{scheme}://…", hint=HINT) from exc
    if driver != SQLITE:
        return url.set(drivername=driver)
    if not url.database:
        raise StoreError("setting", "the store has no path", subject=text, hint=HINT)
    if url.query:  # such as mode=memory&uri=true, and then nothing is kept
        raise StoreError("setting", "an SQLite store takes no options", subject=text, hint=HINT)
    return _file(url.set(drivername=driver))


def _file(url: URL) -> URL:
    if url.database == ":memory:":
        raise StoreError("setting", "what is in memory only is not kept", subject=":memory:", hint=HINT)
    return url


def shown(url: URL) -> str:
    """The store as people may see it: a path, or a URL without its password."""
    return str(url.database) if url.get_backend_name() == SQLITE else url.render_as_string(hide_password=True)

"""What a database's driver raises -> StoreError.

Sources: sqlite3.h (result codes, by name) and PostgreSQL's Appendix A (SQLSTATE, by class).
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from gate.store.errors import Kind, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

HINTS: dict[Kind, str] = {
    "full": "free some space, or lower sidecar.retention.size; what was not kept is not acknowledged",
    "locked": "another process holds it for long: is a backup or a copy of hotgate stuck?",
    "read-only": "give hotgate permission to write there, or name another place with --store",
    "corrupt": "keep the file as it is, restore a backup, and hold it against an exported head: hotgate audit verify --head",
    "unreachable": "is the database server running, and does its address in `store` hold?",
    "missing": "look at --store, HOTGATE_STORE and `store`; `hotgate store upgrade` makes a new one",
    "denied": "check user, password and grants of the database",
    "outdated": "run `hotgate store upgrade`",
    "newer": "upgrade hotgate: a newer one has migrated this store",
}
SAID: dict[Kind, str] = {
    "full": "the store is full",
    "locked": "the store is locked",
    "read-only": "the store cannot be written",
    "corrupt": "the store is damaged",
    "unreachable": "the store cannot be reached",
    "missing": "the store is not there",
    "denied": "the store does not let hotgate in",
    "outdated": "the store has no tables of this version",
    "newer": "the store is of a newer version",
    "refused": "the store does not take a value",
    "constraint": "the store does not take a row",
    "other": "the store failed",
}

SQLITE: dict[str, Kind] = {
    "SQLITE_FULL": "full",
    "SQLITE_BUSY": "locked",
    "SQLITE_LOCKED": "locked",
    "SQLITE_READONLY": "read-only",
    "SQLITE_PERM": "read-only",
    "SQLITE_CANTOPEN": "unreachable",
    "SQLITE_CORRUPT": "corrupt",
    "SQLITE_NOTADB": "corrupt",
    "SQLITE_CONSTRAINT": "constraint",
    "SQLITE_CONSTRAINT_TRIGGER": "other",  # it was put there to refuse every row
}

SQLSTATE: dict[str, Kind] = {
    "53100": "full",
    "53": "unreachable",
    "55P03": "locked",
    "57014": "locked",
    "40": "locked",
    "22": "refused",
    "23": "constraint",
    "25006": "read-only",
    "42501": "denied",
    "28": "denied",
    "3D000": "unreachable",
    "42P01": "outdated",
    "08": "unreachable",
    "57": "unreachable",
    "XX001": "corrupt",
    "XX002": "corrupt",
}


def failure(kind: Kind, subject: str, detail: str = "") -> StoreError:
    """The error of that kind about that store; `detail` is what the database says."""
    what = f"{SAID[kind]} ({detail})" if detail else SAID[kind]
    return StoreError(kind, what, subject=subject, hint=HINTS.get(kind, ""))


@contextmanager
def said_clearly(subject: str) -> Iterator[None]:
    """Turn whatever the database raises inside into a StoreError about `subject`."""
    try:
        yield
    except DBAPIError as exc:
        raise failure(_kind(exc.orig), subject, _first_line(exc.orig)) from exc
    except SQLAlchemyError as exc:
        raise failure("other", subject, _first_line(exc)) from exc
    except OSError as exc:
        raise failure("unreachable", subject, exc.strerror or str(exc)) from exc
    except (OverflowError, UnicodeEncodeError) as exc:  # sqlite3 raises these itself, of a value that it cannot take
        raise failure("refused", subject, _first_line(exc)) from exc


def _kind(exc: BaseException | None) -> Kind:
    name = getattr(exc, "sqlite_errorname", "") or ""
    if name:
        base = "_".join(name.split("_")[:2])
        if str(exc).startswith("no such table"):
            return "outdated"
        return SQLITE.get(name) or SQLITE.get(base, "other")
    state = getattr(exc, "sqlstate", None)
    if state is None:  # the connection was never there, or broke
        return "unreachable" if type(exc).__name__ == "OperationalError" else "other"
    return SQLSTATE.get(state) or SQLSTATE.get(state[:2]) or "other"


def _first_line(exc: BaseException | None) -> str:
    lines = str(exc).strip().splitlines()
    return lines[0][:200] if lines else type(exc).__name__

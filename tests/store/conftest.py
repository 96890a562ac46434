"""Stores of both kinds for the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import postgres
from tests.conftest import missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def postgresql() -> Iterator[postgres.Server]:
    if postgres.programs() is None:
        missing(postgres.HINT)
    with postgres.running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The setting of a store that is empty."""
    if request.param == "sqlite":
        return str(tmp_path / "store.db")
    server: postgres.Server = request.getfixturevalue("postgresql")
    return server.new_database()


@pytest.fixture
def new_store(store: str) -> Callable[[], str]:
    """Gives the store with its tables made."""

    def make() -> str:
        from gate.store.database import Database  # noqa: PLC0415 - slow

        with Database.connect(store) as database:
            database.upgrade()
        return store

    return make

"""Migrations: Alembic's versions, all in one transaction."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config

if TYPE_CHECKING:
    from sqlalchemy import Connection

FOLDER = Path(__file__).parent / "migrations"


def config() -> Config:
    """Alembic's configuration, without a file: the folder of this package."""
    own = Config()
    own.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    own.set_main_option("path_separator", "os")
    return own


def migrate(connection: Connection) -> None:
    """Bring the tables that `connection` leads to up to the newest version, in its transaction."""
    own = config()
    own.attributes["connection"] = connection
    command.upgrade(own, "head")

"""Established connections with every sample."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns; samples from before have none."""
    op.add_column("samples", sa.Column("connections", sa.BigInteger))
    op.add_column("samples", sa.Column("connections_kept", sa.BigInteger))

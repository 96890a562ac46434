"""The heartbeat's continuity score with every sample."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column; samples from before have none."""
    op.add_column("samples", sa.Column("continuity", sa.Float))

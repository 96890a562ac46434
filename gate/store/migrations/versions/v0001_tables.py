"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_GENESIS = "0" * 64


def upgrade() -> None:
    """Make the tables, and the head of an empty audit log."""
    op.create_table(
        "services",
        sa.Column("id", _KEY, primary_key=True, autoincrement=True),
        sa.Column("name", sa.String(200), nullable=False, unique=True),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("first_seen_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "samples",
        sa.Column("service_id", _KEY, sa.ForeignKey("services.id"), primary_key=True),
        sa.Column("due_ms", sa.BigInteger, primary_key=True),
        sa.Column("late_ms", sa.Integer, nullable=False),
        sa.Column("took_ms", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("epoch", sa.String(64), nullable=False),
        sa.Column("generation", sa.BigInteger),
        sa.Column("goroutines", sa.BigInteger),
        sa.Column("threads", sa.BigInteger),
        sa.Column("heap_bytes", sa.BigInteger),
        sa.Column("in_flight", sa.BigInteger),
        sa.Column("profiler", sa.String(16), nullable=False),
        sa.Column("health", sa.Float),
        sa.Column("coverage", sa.Float),
        sa.Column("health_parts", sa.Text, nullable=False),
        sa.Column("counters", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("samples_by_time", "samples", ["due_ms"])
    op.create_table(
        "windows",
        sa.Column("service_id", _KEY, sa.ForeignKey("services.id"), primary_key=True),
        sa.Column("epoch", sa.String(64), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("wall_ms", sa.BigInteger, nullable=False),
        sa.Column("start_ns", sa.BigInteger, nullable=False),
        sa.Column("end_ns", sa.BigInteger, nullable=False),
        sa.Column("rate_hz", sa.Integer, nullable=False),
        sa.Column("samples", sa.BigInteger, nullable=False),
        sa.Column("cpu_seconds", sa.Float, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("windows_by_time", "windows", ["wall_ms"])
    op.create_table(
        "verdicts",
        sa.Column("audit_seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("service_id", _KEY, sa.ForeignKey("services.id")),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("exit_code", sa.Integer, nullable=False),
        sa.Column("report", sa.LargeBinary, nullable=False),
    )
    op.create_index("verdicts_by_service", "verdicts", ["service_id", "at_ms"])
    op.create_index("verdicts_by_time", "verdicts", ["at_ms"])
    op.create_table(
        "audit",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("prev", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    head = op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.bulk_insert(head, [{"id": 1, "seq": 0, "hash": _GENESIS}])

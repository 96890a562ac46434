"""The tables. A change here needs a migration in `gate/store/migrations/versions`; a test holds the two together."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

REVISION = "0003"
"""The migration that these tables are the outcome of."""

METADATA = MetaData()

Key = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER counts up by itself there

SERVICES = Table(
    "services",
    METADATA,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("url", Text, nullable=False),
    Column("first_seen_ms", BigInteger, nullable=False),
)

# One poll of a service. The key is the time that it was due, which is the same for every sidecar that polls the service
# at that interval: two that share a store keep one sample, not two.
SAMPLES = Table(
    "samples",
    METADATA,
    Column("service_id", Key, ForeignKey("services.id"), primary_key=True),
    Column("due_ms", BigInteger, primary_key=True),  # since 1970
    Column("late_ms", Integer, nullable=False),  # it was begun this much after it was due
    Column("took_ms", Integer, nullable=False),
    Column("state", String(16), nullable=False),  # gate.store.polled.STATES
    Column("error", Text, nullable=False),
    Column("source", String(32), nullable=False),
    Column("epoch", String(64), nullable=False),
    Column("generation", BigInteger),
    Column("goroutines", BigInteger),
    Column("threads", BigInteger),
    Column("heap_bytes", BigInteger),
    Column("in_flight", BigInteger),
    Column("profiler", String(16), nullable=False),  # whose CPU profile runs; "none", or "" where it was not known
    Column("health", Float),
    Column("coverage", Float),
    Column("health_parts", Text, nullable=False),  # JSON
    Column("counters", Text, nullable=False),  # JSON: expvar variables that a watch needs
    Column("connections", BigInteger),  # established
    Column("connections_kept", BigInteger),  # of them, those that goprobe hands over or drains
    Column("continuity", Float),  # probes.profile.heartbeat.continuity, of the windows that goprobe keeps
    Index("samples_by_time", "due_ms"),
    sqlite_with_rowid=False,
)

# One window of a heartbeat, as goprobe numbers it.
WINDOWS = Table(
    "windows",
    METADATA,
    Column("service_id", Key, ForeignKey("services.id"), primary_key=True),
    Column("epoch", String(64), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("generation", BigInteger, nullable=False),
    Column("wall_ms", BigInteger, nullable=False),
    Column("start_ns", BigInteger, nullable=False),  # CLOCK_MONOTONIC of the service's host
    Column("end_ns", BigInteger, nullable=False),
    Column("rate_hz", Integer, nullable=False),
    Column("samples", BigInteger, nullable=False),
    Column("cpu_seconds", Float, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Index("windows_by_time", "wall_ms"),
    sqlite_with_rowid=False,
)

VERDICTS = Table(
    "verdicts",
    METADATA,
    Column("audit_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("service_id", Key, ForeignKey("services.id")),
    Column("at_ms", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),  # gate.store.entry.KINDS
    Column("verdict", String(16), nullable=False),
    Column("exit_code", Integer, nullable=False),
    Column("report", LargeBinary, nullable=False),  # the JSON report, zlib
    Index("verdicts_by_service", "service_id", "at_ms"),
    Index("verdicts_by_time", "at_ms"),
)

# Every column is under the hash: there is nothing here that could be edited unseen.
AUDIT = Table(
    "audit",
    METADATA,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("body", Text, nullable=False),
    Column("prev", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

# The last record again: who appends locks this row, and a log that was cut off without it shows by itself.
AUDIT_HEAD = Table(
    "audit_head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)

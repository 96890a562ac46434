"""The store: samples of services, verdicts and the audit log, in SQLite or PostgreSQL.

Nothing here is imported unless a command was told to keep something: SQLAlchemy is slow to import.
"""

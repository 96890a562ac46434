"""Alembic's folder: `env.py` runs the versions, `hotgate store upgrade` runs `env.py`."""

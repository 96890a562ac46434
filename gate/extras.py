"""Packages that only some commands need, and which extra of hotgate brings each of them."""

from __future__ import annotations

EXTRAS = {
    "scipy": "profile",
    "psycopg": "postgres",
    "jinja2": "sidecar",
    "prometheus_client": "sidecar",
    "starlette": "sidecar",
    "uvicorn": "sidecar",
    "bsdiff4": "release",
    "cryptography": "release",
    "securesystemslib": "release",
    "tuf": "release",
    "zstandard": "release",
    "yaml": "fleet",
}
"""Top-level module -> extra, as `pyproject.toml` has them."""


def extra_for(module: str | None) -> str | None:
    """The extra that brings `module`; None when no extra does."""
    return EXTRAS.get((module or "").partition(".")[0])

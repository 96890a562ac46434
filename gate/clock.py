"""The time of a run."""

from __future__ import annotations

import os
from datetime import UTC, datetime


def moment() -> datetime:
    """Now in UTC, or SOURCE_DATE_EPOCH when that is set (reproducible-builds.org)."""
    from datetime import datetime

    try:
        return datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "")), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.now(UTC)

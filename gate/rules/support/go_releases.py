"""Go releases in order."""

from __future__ import annotations

import re

RELEASE = re.compile(r"go1\.(\d{1,6})(?:\.(\d{1,6})|(beta|rc)(\d{1,6}))?(?![\w.])", re.ASCII)


def release(version: str) -> tuple[int, int, int] | None:
    """A sortable (minor, stage, number) of `go1.26.3` or `go1.27rc1`; None for a development version."""
    match = RELEASE.match(version)
    if match is None:
        return None
    minor, patch, stage, number = match.groups()
    if stage:
        return int(minor), {"beta": -2, "rc": -1}[stage], int(number)
    return int(minor), 0, int(patch or 0)

"""Versions of Go, as binaries name the one that built them."""

from __future__ import annotations

import re


def go_minor(version: str) -> int | None:
    """26 for `go1.26.3`, `go1.26rc1` or `devel go1.26-abcdef`; None when the text is no Go version."""
    match = re.search(r"\bgo1\.(\d{1,4})", version)
    return int(match[1]) if match else None

"""Times and sizes as people write them."""

from __future__ import annotations

import re

from gate.policy.errors import PolicyError

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_NUMBER = r"(\d{1,9}(?:\.\d{1,3})?)"


def parse_seconds(text: str) -> float:
    """`500ms`, `10s`, `5m`, `12h` or `30d` in seconds.

    Raises:
        PolicyError: it is none of these.
    """
    match = re.fullmatch(_NUMBER + "(" + "|".join(_SECONDS) + ")", text, re.ASCII)
    if match is None:
        raise PolicyError(f"not a time: {text[:40]!r}", hint="write it like 500ms, 10s, 5m, 12h or 30d")
    return float(match[1]) * _SECONDS[match[2]]


def parse_size(text: str) -> int:
    """`500MB`, `1GiB` and the like in bytes.

    Raises:
        PolicyError: it is none of these.
    """
    match = re.fullmatch(_NUMBER + "(" + "|".join(_BYTES) + ")", text, re.ASCII)
    if match is None:
        raise PolicyError(f"not a size: {text[:40]!r}", hint=f"write it like 500MB; units are {', '.join(_BYTES)}")
    return int(float(match[1]) * _BYTES[match[2]])

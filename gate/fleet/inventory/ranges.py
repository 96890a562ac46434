"""Ranges of hosts such as `web[01:50].example.com`, by the rules of `ansible.plugins.inventory.expand_hostname_range`."""

from __future__ import annotations

import re
import string
from itertools import product

from gate.fleet.release.names import HOST, checked_name

_RANGE = re.compile(r"\[([A-Za-z0-9]*):([A-Za-z0-9]+)(?::([0-9]{1,6}))?\]")
_PORT = re.compile(r":[0-9]{1,5}$")


def expand(pattern: str, limit: int) -> list[str]:
    """The hosts that `pattern` stands for, without the port at its end.

    Raises:
        ValueError: it is no range, or stands for more than `limit` hosts.
        PolicyError: one of them is no name of a host.
    """
    bare = _RANGE.sub("", pattern)
    if _PORT.search(bare) and bare.count(":") == 1:
        pattern = _PORT.sub("", pattern)
    pieces: list[list[str]] = []
    at, many = 0, 1
    for match in _RANGE.finditer(pattern):
        values = _values(match[1] or "0", match[2], int(match[3] or 1), limit)
        pieces += [[pattern[at : match.start()]], values]
        many *= len(values)
        if many > limit:
            raise ValueError(f"{pattern[:60]!r} stands for more than {limit:,} hosts")
        at = match.end()
    pieces.append([pattern[at:]])
    return [checked_name("".join(parts), HOST) for parts in product(*pieces)]


def _values(begin: str, end: str, step: int, limit: int) -> list[str]:
    if step < 1:
        raise ValueError("a range has a step of at least 1")
    if begin.isalpha() and end.isalpha() and len(begin) == len(end) == 1:
        first, last = string.ascii_letters.index(begin), string.ascii_letters.index(end)
        if first > last:
            raise ValueError("a range begins before it ends")
        return list(string.ascii_letters[first : last + 1 : step])
    if not (begin.isdecimal() and end.isdecimal()):
        raise ValueError(f"a range goes from number to number, or from letter to letter, not [{begin}:{end}]")
    width = len(begin) if begin[0] == "0" and len(begin) > 1 else 0
    if width and width != len(end):
        raise ValueError(f"both ends of a range with leading zeros are of equal length, not [{begin}:{end}]")
    if max(len(begin), len(end)) > 9 or (int(end) - int(begin)) // step >= limit:
        raise ValueError(f"[{begin}:{end}] stands for more than {limit:,} hosts")
    if int(begin) > int(end):
        raise ValueError("a range begins before it ends")
    return [str(number).zfill(width) for number in range(int(begin), int(end) + 1, step)]

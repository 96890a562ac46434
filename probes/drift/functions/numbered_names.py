"""Numbered siblings: closures, wrappers, init functions and functions of types that were declared in functions.

Their numbers say only in what order they came.
"""

from __future__ import annotations

import re

MAX_CELLS = 250_000
_DIGITS = b"0123456789#"
"""Digits, and what stands for a number in the name of a family."""

_DIGIT = re.compile(r"\d")
_NUMBER = re.compile(r"\.(func|gowrap|deferwrap|dwrap|init\.|)\d+(?=$|[.\-])|-range\d+|·\d+")


def family(name: str) -> str | None:
    """What a numbered name and its siblings share; None when the name carries no such number.

    >>> family("main.serve.func2.1")
    'main.serve.func#.#'
    >>> family("type:.eq.main.pair·2")
    'type:.eq.main.pair·#'
    """
    if not _DIGIT.search(name, max(0, len(name) - 24)) and "·" not in name:
        return None
    plain, count = _NUMBER.subn(lambda found: f"{found[0].rstrip('0123456789')}#", name)
    return plain if count else None


def siblings(names: list[str], families: set[str]) -> list[int]:
    """Which of `names` may belong to one of `families`: all that do, and few others.

    What is left of a name without its digits is the same for all of a family. Taking them out of all names at once costs a
    tenth of asking for the family of each.
    """
    if not names:
        return []
    text = "\0".join(names).encode("utf-8", "surrogatepass").translate(None, _DIGITS).split(b"\0")
    wanted = {key.encode("utf-8", "surrogatepass").translate(None, _DIGITS) for key in families}
    return [index for index, each in enumerate(text) if each in wanted]


def common(a: list[tuple[bytes, str]], b: list[tuple[bytes, str]]) -> list[tuple[int, int]]:
    """Longest common subsequence of two lists of (body, name) by body; pairs of one name win ties.

    Quadratic, so beyond `MAX_CELLS` only pairs of one name and body are returned.
    """
    if len(a) * len(b) > MAX_CELLS:
        where = {key: j for j, key in enumerate(b)}
        return [(i, where[key]) for i, key in enumerate(a) if key in where]
    best = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in range(len(a) - 1, -1, -1):
        for j in range(len(b) - 1, -1, -1):
            score = max(best[i + 1][j], best[i][j + 1])
            if a[i][0] == b[j][0]:
                score = max(score, best[i + 1][j + 1] + _worth(a[i], b[j]))
            best[i][j] = score
    out, i, j = [], 0, 0
    while i < len(a) and j < len(b):
        if a[i][0] == b[j][0] and best[i][j] == best[i + 1][j + 1] + _worth(a[i], b[j]):
            out.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return out


def _worth(a: tuple[bytes, str], b: tuple[bytes, str]) -> int:
    return 4 + (a[1] == b[1])

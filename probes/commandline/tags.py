"""Tags of struct fields, as reflect.StructTag and the flag libraries read them."""

from __future__ import annotations

import json
import re

_PAIR = re.compile(r'\s*([^\s:"]+):("(?:[^"\\]|\\.)*")')
_BARE = re.compile(r"""(?:[^',]|'(?:[^'\\]|\\.)*')+""")


def pairs(tag: str) -> list[tuple[str, str]]:
    """The pairs of `name:"text" other:"text"`, in order."""
    out = []
    at = 0
    while (found := _PAIR.match(tag, at)) is not None:
        out.append((found[1], _unquoted(found[2])))
        at = found.end()
    return out


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text))
    except ValueError:
        return text[1:-1].replace('\\"', '"').replace("\\\\", "\\")


def items(text: str) -> list[tuple[str, str]]:
    """The pairs of a list such as `name='x',short='l',hidden`."""
    out = []
    for part in _BARE.findall(text):
        name, _, value = part.strip().partition("=")
        quoted = len(value) > 1 and value[0] == value[-1] == "'"
        out.append((name, value[1:-1].replace("\\'", "'") if quoted else value))
    return out

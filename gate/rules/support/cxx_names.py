"""C++ names for people: what the plain ones say, and the rest as they are.

Source: the Itanium C++ ABI, 5.1 (name mangling). Templates, operators and substitutions stay mangled.
"""

from __future__ import annotations

import re

SPECIAL = {"_ZTV": "vtable", "_ZTI": "type information", "_ZTS": "type name"}
_PART = re.compile(r"(\d{1,4})(?=[A-Za-z_])")


def special(symbol: str) -> str | None:
    """`vtable`, `type information` or `type name` for a symbol that is one of a C++ class, else None."""
    return SPECIAL.get(symbol[:4])


def readable(symbol: str) -> str:
    """`ns::Class` for `_ZTVN2ns5ClassE`; the symbol itself where it is more than a plain class name."""
    if special(symbol) is None:
        return symbol
    name, _, version = symbol[4:].partition("@")
    nested = name.startswith("N") and name.endswith("E")
    parts, rest = [], name[1:-1] if nested else name
    while match := _PART.match(rest):
        end = match.end() + int(match[1])
        if end > len(rest):
            break
        parts.append(rest[match.end() : end])
        rest = rest[end:]
    plain = parts and not rest and (nested or len(parts) == 1)
    return "::".join(parts) + (f" ({version})" if version else "") if plain else symbol

"""Small words for messages: counts and shortened lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 function`, `2,400 functions`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def some(names: Sequence[str], limit: int = 3) -> str:
    """The first `limit` names and how many more there are: `a, b, c and 38 more`."""
    shown = ", ".join(names[:limit])
    return f"{shown} and {len(names) - limit:,} more" if len(names) > limit else shown


def value(text: str | None) -> str:
    """A value for a message; None becomes `(not set)` and an empty string `""`."""
    if text is None:
        return "(not set)"
    return text or '""'


def package_of(function: str) -> str:
    """The import path in a Go symbol name: `a/b` of `a/b.(*T).M[c/d.E]`, with the linker's `%2e` undone."""
    head = function.partition("[")[0]
    slash = head.rfind("/") + 1
    dot = head.find(".", slash)
    return (head if dot < 0 else head[:dot]).replace("%2e", ".")


def distance(package: str, module: str | None) -> int:
    """How far a package is from the program's author: 0 for its own module, 1 for dependencies, 2 for Go's library."""
    if package == "main" or (module and (package == module or package.startswith(module + "/"))):
        return 0
    return 1 if "." in package.replace("%2e", ".").partition("/")[0] else 2

"""Small words for messages: counts and shortened lists."""

from __future__ import annotations

from probes.wording import count, some

__all__ = ["count", "distance", "package_of", "some", "value"]


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

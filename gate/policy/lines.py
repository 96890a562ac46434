"""Where in a policy file a key is set. Best effort: TOML's reader does not keep lines, so they are looked for."""

from __future__ import annotations

import re
from typing import TypeAlias

Key: TypeAlias = tuple[str | int, ...]
"""A key's path, such as `("suppress", 0, "expires")`."""


def written(key: Key) -> str:
    """`suppress[0].expires`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).removeprefix(".")


def place(path: str, text: str, key: Key) -> str:
    """`path:line` of the line that sets `key`, else of the table it belongs to, or `path` when neither can be found."""
    lines = text.split("\n")
    first, stop = 0, len(lines)
    names = [part for part in key if isinstance(part, str)]
    if len(key) > 1 and isinstance(key[1], int):
        headers = [number for number, line in enumerate(lines) if _header(names[0], double=True).match(line)]
        if key[1] < len(headers):
            first = headers[key[1]]
            stop = next((n for n in range(first + 1, stop) if lines[n].lstrip().startswith("[")), stop)
    for name in reversed(names):
        assignment = re.compile(rf"""^(.*[.\s{{,])?["']?{re.escape(name)}["']?\s*=""")
        for number in range(first, stop):
            if assignment.match(lines[number]) or _header(name).match(lines[number]):
                return f"{path}:{number + 1}"
    return path


def _header(name: str, *, double: bool = False) -> re.Pattern[str]:
    """A table header that has `name` in it, such as `[tool.hotgate.thresholds]`; of an array of tables if `double`."""
    opening = r"\[\[" if double else r"\["
    return re.compile(rf"^\s*{opening}.*\b{re.escape(name)}\b.*\]")

"""`oasdiff breaking`: OpenAPI (oasdiff 1.x, `--format json`: a list; level 3 is an error, 2 a warning, 1 for information)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gate.fleet.interfaces.model import Found
from gate.fleet.interfaces.running import as_rows, ask, number, path_of, text

if TYPE_CHECKING:
    from gate.fleet.interfaces.model import Level
    from gate.fleet.release.model import Component, Pair

TOOL = "oasdiff breaking"
LEVELS: dict[int, Level] = {3: "block", 2: "warn", 1: "info"}


def look(component: Component, pair: Pair) -> tuple[Found, ...]:
    """What it finds; references to other addresses are not followed.

    Raises:
        NoAnswer: there is none.
    """
    words = ["breaking", path_of(pair.old), path_of(pair.new), "--format", "json", "--allow-external-refs=false"]
    return tuple(
        Found(
            component.name,
            TOOL,
            text(row, "id"),
            LEVELS.get(number(row, "level"), "block"),
            f"{text(row, 'operation')} {text(row, 'path')}: {text(row, 'text')}".strip(" :"),
            pair.new,
        )
        for row in as_rows(ask("oasdiff", words, (0,)))
    )

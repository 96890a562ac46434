"""`buf breaking`: Protocol Buffers (buf 1.x, `--error-format json`: an object a line; exit code 100 for findings)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from gate.fleet.interfaces.model import Found
from gate.fleet.interfaces.running import NoAnswer, ask, number, path_of, text

if TYPE_CHECKING:
    from gate.fleet.release.model import Component, Pair

TOOL = "buf breaking"


def look(component: Component, pair: Pair) -> tuple[Found, ...]:
    """What it finds. Everything that it finds breaks somebody, by its default rules or by those of a `buf.yaml` in the new folder.

    Raises:
        NoAnswer: there is none.
    """
    words = ["breaking", path_of(pair.new), "--against", path_of(pair.old), "--error-format", "json"]
    found = []
    for line in ask("buf", words, (0, 100)).splitlines():
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as exc:
            raise NoAnswer("its answer is not JSON") from exc
        if not isinstance(row, dict):
            raise NoAnswer("its answer is no finding")
        place = text(row, "path")
        if text(row, "type") == "COMPILE":
            raise NoAnswer(f"cannot read {place}:{number(row, 'start_line')}: {text(row, 'message')}")
        found.append(
            Found(
                component.name, TOOL, text(row, "type"), "block", text(row, "message"), place, number(row, "start_line")
            )
        )
    return tuple(found)

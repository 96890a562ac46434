"""`squawk`: PostgreSQL migrations (squawk 2.x, `--reporter json`: a list, lines from 0; exit code 1 for findings)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gate.fleet.interfaces.model import Found
from gate.fleet.interfaces.running import NoAnswer, as_rows, ask, number, path_of, text

if TYPE_CHECKING:
    from gate.fleet.interfaces.model import Level
    from gate.fleet.release.model import Component

TOOL = "squawk"
BREAKING = frozenset(
    {
        "adding-not-nullable-field",
        "adding-required-field",
        "ban-drop-column",
        "ban-drop-database",
        "ban-drop-table",
        "changing-column-type",
        "renaming-column",
        "renaming-table",
    }
)
"""Rules on changes that the versions which still run do not survive; the others are about locks and retries."""
CONTRACTING = frozenset({"ban-drop-column", "ban-drop-table"})
"""Of these, what a contraction is for: by the plan's order, nobody uses it any more."""


def look(component: Component) -> tuple[Found, ...]:
    """What it finds in the component's migrations.

    Raises:
        NoAnswer: there is none, or it cannot read one of the files.
    """
    places = {path_of(path): path for path in component.migrations}
    rows = as_rows(ask("squawk", ["--reporter", "json", *places], (0, 1)))
    found = []
    for row in rows:
        rule, file = text(row, "rule_name"), places.get(text(row, "file"), text(row, "file"))
        line = number(row, "line") + 1
        if rule == "syntax-error" or text(row, "level").casefold() == "error":
            raise NoAnswer(f"cannot read {file}:{line}: {text(row, 'message')}")
        found.append(Found(component.name, TOOL, rule, _level(component, rule), text(row, "message"), file, line))
    return tuple(found)


def _level(component: Component, rule: str) -> Level:
    if rule not in BREAKING:
        return "warn"
    return "info" if component.phase == "contract" and rule in CONTRACTING else "block"

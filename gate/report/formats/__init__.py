"""The formats of a report: each module of this package is one, named after it, with a function `render`.

There is no list to add a format to. `names` reads the folder and imports nothing.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from gate.report.models.report import Report

DEFAULT = "terminal"


class Renderer(Protocol):
    """A module of this package."""

    def render(self, report: Report) -> str:
        """The report as text, ending in a newline. Equal reports give equal texts."""
        ...


def names() -> tuple[str, ...]:
    """The names of all formats: the one for people and the one for programs, then the others by the alphabet."""
    found = {path.stem for path in Path(__file__).parent.glob("[!_]*.py")}
    return tuple(sorted(found, key=lambda name: (name != DEFAULT, name != "json", name)))


def renderer(name: str) -> Renderer:
    """The renderer of a format that `names` lists. What it needs is imported now: rich stays out of `--format json`."""
    return cast("Renderer", importlib.import_module(f"{__name__}.{name}"))

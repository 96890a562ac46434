"""What a program's code tells of how it is started and of what it hands over. Nothing is run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from probes.code.states import registered
from probes.commandline.comparison import read_definitions
from probes.errors import ProbeError

if TYPE_CHECKING:
    from probes.commandline.facts import Definitions
    from probes.go.facts import BinaryFacts

MOST_FLAGS = 40
HELP = {"h", "help"}
"""Flags that every library answers by itself."""
_LISTENS = re.compile(
    r"(http|tcp|web|server|bind|api)?[-_.]?(listen|bind|addr|address)([-_.]?addr(ess)?)?", re.IGNORECASE
)
_PORT = re.compile(r"(http|tcp|web|server|listen|api)?[-_.]?port", re.IGNORECASE)


class Told(Struct, frozen=True):
    """What the code tells.

    Args:
        flags: as they are written on a command line, sorted; at most `MOST_FLAGS`.
        more: how many flags there are besides.
        address: the argument that, by its flag's name, says where to listen, with `{port}` in it; empty where none does.
        states: `name version N` of each state that goprobe hands over.
    """

    flags: tuple[str, ...] = ()
    more: int = 0
    address: tuple[str, ...] = ()
    states: tuple[str, ...] = ()


def told(facts: BinaryFacts) -> Told:
    """What the code of a program tells; less where it cannot be read."""
    states = tuple(f"{each.name} version {each.version}" for each in registered(facts) or ())
    try:
        definitions = read_definitions(facts)
    except ProbeError:
        return Told(states=states)
    flags = sorted(
        {text for each in definitions for text in _written(each) if text.lstrip("-") not in HELP},
        key=lambda text: (text.lstrip("-"), text),
    )
    return Told(tuple(flags[:MOST_FLAGS]), max(len(flags) - MOST_FLAGS, 0), _address(definitions), states)


def _written(definitions: Definitions) -> list[str]:
    dashes = "-" if definitions.library == "flag" else "--"
    return [dashes + name for name in definitions.long] + ["-" + name for name in definitions.short]


def _address(definitions: tuple[Definitions, ...]) -> tuple[str, ...]:
    for pattern, value in ((_LISTENS, "127.0.0.1:{port}"), (_PORT, "{port}")):
        for each in definitions:
            for name, takes in sorted(each.long.items(), key=lambda item: (len(item[0]), item[0])):
                if takes and pattern.fullmatch(name):
                    return ("-" + name, value) if each.library == "flag" else (f"--{name}={value}",)
    return ()

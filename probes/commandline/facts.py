"""What is known of how a program reads its command line, and what an update does to a running one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from probes.wording import count

Library = Literal["flag", "pflag", "urfave/cli", "kong", "go-flags"]


ALL = "*"
"""In the place of a subcommand: all of them."""


class Definitions(Struct, frozen=True):
    """The flags that one library gets from a program.

    `long`, `short`: names without dashes, and whether a value follows (None: not known). The packages flag and urfave/cli know
    no difference: all names are long. `owners`: of flags as they are written, the subcommands that have them, where that is known; `ALL`
    for those that a command passes on to its subcommands. `gaps`: why there may be more flags; then nothing is certain about what is not listed.
    `lenient`: why an unknown flag may not end the program. `nested`: words that are no flags do not end them, as with subcommands.
    """

    library: Library
    long: Mapping[str, bool | None] = field(default_factory=dict)
    short: Mapping[str, bool | None] = field(default_factory=dict)
    gaps: tuple[str, ...] = ()
    lenient: tuple[str, ...] = ()
    owners: Mapping[str, frozenset[str]] = field(default_factory=dict)
    nested: bool = False

    def has(self, name: str, *, short: bool) -> bool:
        """Whether a flag has that name."""
        return name in (self.short if short else self.long)


class Used(Struct, frozen=True):
    """A flag of a command line that a library's definitions have. `written`: with its dashes, as such flags are written."""

    written: str
    name: str
    short: bool
    library: Library


class Gone(Struct, frozen=True):
    """A flag of the running command line that OLD defines and NEW does not; `doubts`: why NEW may take it all the same."""

    flag: str
    library: Library
    doubts: tuple[str, ...] = ()


class ArgumentFacts(Struct, frozen=True):
    """A command line held against both programs. Values of its arguments are not kept.

    `source`: where it is from. `words`: how many there are behind the program's name. `used`: flags that OLD defines.
    `unknown`: how many words look like flags and are none that OLD is known to define. `old`, `new`: libraries that read
    the command line. `fresh`: flags that only NEW defines. `gaps`: why OLD may define more than was found. `problem`: why it could not be compared, "" where it was.
    """

    source: str
    words: int = 0
    used: tuple[str, ...] = ()
    unknown: int = 0
    old: tuple[Library, ...] = ()
    new: tuple[Library, ...] = ()
    gone: tuple[Gone, ...] = ()
    fresh: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    problem: str = ""

    def summary(self) -> str:
        """What it comes to, in words."""
        by = f", read by {' and '.join(self.old)}" if self.old else ""
        return f"{count(self.words, 'word')}, {count(len(self.used), 'flag')}{by} ({self.source})"

"""A console that writes to memory, as the terminal's formats share it."""

from __future__ import annotations

import io
import re

from rich.console import Console
from rich.text import Text

RULE_STYLES = {"block": "bold red", "warn": "yellow", "info": "cyan"}
DEFAULT_WIDTH = 100
MIN_WIDTH = 40

_COLON_COMMAND = re.compile(r"^((?: |\x1b\[[0-9;]*m)*)::", re.MULTILINE)
_HASH_COMMAND = re.compile(r"##(?=[A-Za-z]*\[)")


def make_console(width: int, *, color: bool) -> Console:
    """A console that writes to memory, with nothing in it that interprets what it is given."""
    return Console(
        file=io.StringIO(),
        width=max(width, MIN_WIDTH),
        force_terminal=color,
        color_system="standard" if color else None,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
    )


def text_of(console: Console) -> str:
    """What was written to a console of `make_console`, without blanks at line ends.

    CI servers read commands from what a job prints: no name may begin a line with `::` (GitHub, after any blanks) or
    hold `##[` or `##vso[` (Azure, GitHub's older form) or `##teamcity[`.
    """
    if not isinstance(console.file, io.StringIO):
        raise TypeError("not a console of make_console")
    text = "\n".join(line.rstrip(" ") for line in console.file.getvalue().splitlines()) + "\n"
    return _HASH_COMMAND.sub(r"#\\x23", _COLON_COMMAND.sub(r"\1\\x3a:", text))


def heading_line(console: Console, text: str) -> None:
    """A blank line and a heading."""
    console.print()
    console.print(Text(text, "bold underline"))

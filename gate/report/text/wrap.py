"""Line breaks where a reader expects them: between words, and inside a long name after `/`, `.` or `,`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len, chop_cells
from rich.padding import Padding

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


def paragraph(console: Console, text: Text, *, indent: int = 9, hang: int | None = None) -> None:
    """Write `text` wrapped inside an indent.

    Args:
        console: where to.
        text: one paragraph; it is not cut off, whatever its width.
        indent: columns in front of every line but the first.
        hang: columns in front of the first line; the same as `indent` unless given.
    """
    first = indent if hang is None else hang
    width = max(console.width - indent, 16)
    lines = text.divide(breaks(text.plain, width, width + indent - first))
    for number, line in enumerate(lines):
        line.rstrip()
        left = indent if number else first
        console.print(Padding(line, (0, 0, 0, left)), no_wrap=True, overflow="fold", crop=False)


def breaks(plain: str, width: int, first: int | None = None) -> list[int]:
    """The offsets at which `plain` has to be broken to fit `width` columns, its first line `first` columns."""
    offsets: list[int] = []
    at, room = 0, first or width
    while cell_len(plain[at : at + room + 1]) > room or len(plain) - at > room:
        fitting = len(chop_cells(plain[at : at + room], room)[0])
        at += _cut(plain[at : at + fitting + 1], fitting)
        offsets.append(at)
        room = width
    return offsets


def _cut(window: str, fitting: int) -> int:
    """How many characters of `window`, of which `fitting` fit, go on the line; a blank at its end takes no room."""
    blank = window.rfind(" ")
    if blank > 0:
        return blank + 1
    joint = max(window.rfind(mark, 0, fitting) for mark in "/.,") + 1
    return joint if joint > fitting // 3 else fitting

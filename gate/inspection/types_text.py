"""The types of one binary for a person: counts, and layouts with their gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from gate.inflection import count
from gate.report.text.clean import clean
from gate.report.text.wrap import paragraph

if TYPE_CHECKING:
    from rich.console import Console

    from gate.inspection.types import TypeLine, TypePart


def show_types(console: Console, part: TypePart) -> None:
    """Write the counts, then every layout that was asked for."""
    words = (
        f"{count(part.total, 'type')}, {part.named:,} of them with a name: {part.structs:,} structs, "
        f"{part.interfaces:,} interfaces; {count(part.itabs, 'itab')}"
    )
    paragraph(console, Text(words), indent=2)
    for problem in part.problems:
        paragraph(console, Text(clean(problem), "yellow"), indent=4)
    for line in part.shown:
        console.print()
        _layout(console, line)


def _layout(console: Console, line: TypeLine) -> None:
    of = f" of {clean(line.of)}" if line.of else ""
    head = f"{clean(line.name)}: {line.kind}{of}, {line.size:,} bytes, alignment {line.align}, pointers in the first {line.pointers:,}"
    paragraph(console, Text(head), indent=2, hang=2)
    end = 0
    for member in line.members:
        if member.offset is None:
            console.print(Text(f"    {clean(member.name)} {clean(member.type)}"), soft_wrap=True)
            continue
        if member.offset > end:
            console.print(Text(f"    {end:>6} {member.offset - end:>5}  (padding)", "dim"), soft_wrap=True)
        name = f"{clean(member.name)} (embedded)" if member.embedded else clean(member.name)
        tag = f" `{clean(member.tag)}`" if member.tag else ""
        size = "?" if member.size is None else member.size
        console.print(Text(f"    {member.offset:>6} {size:>5}  {name} {clean(member.type)}{tag}"), soft_wrap=True)
        end = member.offset + (member.size or 0)
    if line.kind == "struct" and end < line.size:
        console.print(Text(f"    {end:>6} {line.size - end:>5}  (padding)", "dim"), soft_wrap=True)

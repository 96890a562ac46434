"""Explain a rule: what, why it hurts, what to do."""

from __future__ import annotations

import click

from gate.cli import Failure
from gate.cli._shared.output import print_text, terminal_width, wants_color
from gate.policy.errors import nearest


@click.command("explain")
@click.argument("rule")
def command(rule: str) -> None:
    """Explain RULE, such as HG201: what it means, why it hurts, an example, what to do."""
    from gate.rules.base import discover

    rules = {each.id: each for each in discover()}
    found = rules.get(rule.upper())
    if found is None:
        raise Failure(f"unknown rule: {rule}", hint=f"{nearest(rule, rules)}`hotgate rules` lists them")
    from rich.text import Text

    from gate.report.terminal.console import make_console, text_of
    from gate.report.text.wrap import paragraph

    console = make_console(terminal_width(), color=wants_color())
    severity = "inconclusive" if found.inconclusive else found.severity.value
    console.print(Text.assemble((found.id, "bold"), "  ", (found.title, "bold"), f" ({severity} by default)"))
    texts = found.explanation
    sections = (
        ("What it means", texts.what),
        ("Why it hurts", texts.why),
        ("Example", texts.example),
        ("What to do", texts.remedy),
    )
    for heading, text in sections:
        console.print()
        console.print(Text(heading, "bold underline"))
        paragraph(console, Text(text), indent=2)
    if texts.table:
        console.print()
        console.print(Text("What it knows", "bold underline"))
    for what, weight, about in texts.table:
        paragraph(console, Text.assemble((what, "bold"), f" ({weight})"), indent=2)
        paragraph(console, Text(about), indent=4)
    needed = sorted({need.key[1] for need in found.needs() if not need.optional} - {"policy", "mode"})
    console.print()
    console.print(Text(f"Looks at: {', '.join(needed)}", "dim"))
    print_text(text_of(console))

"""A page for each rule, from what `hotgate explain` says."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from gate.rules.base import discover

if TYPE_CHECKING:
    from gate.rules.base import Check

FAMILIES = {
    "1": "The files themselves",
    "2": "Functions, types, variables, data",
    "3": "cgo and native needs",
    "4": "The build and the host",
    "5": "The running service",
    "6": "The heartbeat",
    "7": "Profiles",
    "8": "The rehearsal",
}
"""What the first digit of a rule's id stands for."""


def pages() -> dict[str, str]:
    """Path in the site -> Markdown: a page for each rule, and the list of them."""
    rules = discover()
    return {"rules/index.md": _index(rules), **{f"rules/{rule.id}.md": _page(rule) for rule in rules}}


def _weight(rule: type[Check]) -> str:
    return "inconclusive" if rule.inconclusive else rule.severity.value


def _index(rules: list[type[Check]]) -> str:
    families: dict[str, list[type[Check]]] = defaultdict(list)
    for rule in rules:
        families[rule.id[2]].append(rule)
    lines = [
        "# Rules",
        "",
        "Every finding names its rule. The weight is what it has by default: `[severity]` in the [policy](../policy.md) changes it,",
        "and `off` switches a rule off. An id never changes its meaning, and is never used again.",
    ]
    for digit, found in sorted(families.items()):
        lines += ["", f"## {FAMILIES[digit]}", "", "| rule | by default | fires when |", "|---|---|---|"]
        lines += [f"| [{rule.id}]({rule.id}.md) | {_weight(rule)} | {rule.title} |" for rule in found]
    return "\n".join(lines) + "\n"


def _page(rule: type[Check]) -> str:
    texts = rule.explanation
    needed = sorted({need.key[1] for need in rule.needs() if not need.optional} - {"policy", "mode"})
    lines = [f"# {rule.id}: {rule.title}", "", f"**{_weight(rule)}** by default."]
    for heading, text in (
        ("What it means", texts.what),
        ("Why it hurts", texts.why),
        ("Example", texts.example),
        ("What to do", texts.remedy),
    ):
        lines += ["", f"## {heading}", "", text]
    if texts.table:
        lines += ["", "## What it knows", "", "| | | |", "|---|---|---|"]
        lines += [f"| `{what}` | {weight} | {about} |" for what, weight, about in texts.table]
    lines += [
        "",
        "## How to tune it",
        "",
        f"It looks at: {', '.join(f'`{name}`' for name in needed)}. What is missing of that makes it inconclusive.",
        "",
        "```toml",
        "[severity]",
        f'{rule.id} = "info"       # or "warn", "block", "off"',
        "",
        "[[suppress]]            # one finding, until a day",
        f'rule = "{rule.id}"',
        'scope = "example.com/*" # the finding\'s subject; shell wildcards',
        'reason = "why this one is fine"',
        "expires = 2026-12-31",
        "```",
        "",
        f"`hotgate explain {rule.id}` prints this page in a terminal; a [baseline](../policy.md#baseline) keeps what is known.",
    ]
    return "\n".join(lines) + "\n"

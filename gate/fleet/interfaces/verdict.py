"""All that is asked about a release's interfaces, and one verdict."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from gate.exits import EXIT_CODES
from gate.fleet.interfaces import buf, oasdiff, squawk
from gate.fleet.interfaces.model import Asked, Found
from gate.fleet.interfaces.running import NoAnswer
from gate.inflection import count
from gate.report.text.clean import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.exits import VerdictName
    from gate.fleet.release.model import Component, Release

SCHEMA_VERSION = "1"


class Verdict(Struct, frozen=True):
    """`block` where a finding blocks, else `inconclusive` where a tool that was to be asked gave no answer, else `pass`."""

    asked: tuple[Asked, ...]

    @property
    def found(self) -> tuple[Found, ...]:
        """What blocks comes first, otherwise as the plan has it."""
        every = [found for each in self.asked for found in each.found]
        return tuple(sorted(every, key=lambda found: ("block", "warn", "info").index(found.level)))

    @property
    def name(self) -> VerdictName:
        """One of the three."""
        if any(found.level == "block" for found in self.found):
            return "block"
        return "inconclusive" if any(each.problem for each in self.asked) else "pass"

    @property
    def exit_code(self) -> int:
        """As everywhere."""
        return EXIT_CODES[self.name]


def judge(release: Release) -> Verdict:
    """Ask the tools about every component that names files for them."""
    asked = []
    for each in release.components:
        if each.protobuf is not None:
            asked.append(_ask(each, buf.TOOL, partial(buf.look, pair=each.protobuf)))
        if each.openapi is not None:
            asked.append(_ask(each, oasdiff.TOOL, partial(oasdiff.look, pair=each.openapi)))
        if each.migrations:
            asked.append(_ask(each, squawk.TOOL, squawk.look))
    return Verdict(tuple(asked))


def _ask(component: Component, tool: str, look: Callable[[Component], tuple[Found, ...]]) -> Asked:
    try:
        return Asked(component.name, tool, "", look(component))
    except NoAnswer as exc:
        return Asked(component.name, tool, str(exc))


def shape(verdict: Verdict) -> dict[str, Any]:
    """As JSON."""
    return {
        "verdict": verdict.name,
        "exit_code": verdict.exit_code,
        "asked": [{"component": e.component, "tool": e.tool, "problem": e.problem or None} for e in verdict.asked],
        "findings": [
            {
                "component": e.component,
                "tool": e.tool,
                "rule": e.rule,
                "level": e.level,
                "message": e.message,
                "path": e.path or None,
                "line": e.line or None,
            }
            for e in verdict.found
        ],
    }


def render(verdict: Verdict) -> str:
    """Lines of text; "" where nothing was to be asked."""
    if not verdict.asked:
        return ""
    lines = [f"Interfaces: {verdict.name.upper()}"]
    for found in verdict.found:
        place = f"{found.path}:{found.line}" if found.line else found.path
        said = f"{found.level:<5}  {found.component}: {found.message} ({found.tool}: {found.rule}{', ' + place if place else ''})"
        lines.append(f"  {clean(said)}")
    lines += [
        f"  {clean(f'not known: {each.component}: {each.tool}: {each.problem}')}"
        for each in verdict.asked
        if each.problem
    ]
    quiet = sum(not each.problem and not each.found for each in verdict.asked)
    if quiet:
        lines.append(f"  nothing found: {count(quiet, 'look')}")
    return "\n".join(lines) + "\n"

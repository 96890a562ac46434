"""What a rehearsal found, into the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import convert, to_builtins

from gate.report.models.rehearsal import RehearsalSection

if TYPE_CHECKING:
    from gate.evidence.rehearsal import RehearsalFacts


def rehearsal_section(facts: RehearsalFacts) -> RehearsalSection:
    """The section, which has the same fields as the facts."""
    return convert(to_builtins(facts), RehearsalSection)

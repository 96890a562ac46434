"""Live facts into the report: each topic with a line that says what it comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import to_builtins

from gate.report.models import report as model
from probes.live import topics as t

if TYPE_CHECKING:
    from probes.live.facts import LiveFacts


def live_section(facts: LiveFacts) -> model.LiveSection:
    """What is known of the running service."""
    items = []
    for topic in t.TOPICS:
        found = getattr(facts, topic)
        if found is not None:
            shape = to_builtins(found)
            items.append(model.LiveItem(topic, shape.pop("source"), found.summary(), shape))
    return model.LiveSection(facts.url or None, facts.pid, items, list(facts.notes))

"""The last rehearsal of a service: that of the file which it runs, by what its image tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gate.store.rehearsals import last_with

if TYPE_CHECKING:
    from gate.report.models.report import Report
    from gate.store.database import Database
    from gate.store.rehearsals import Rehearsed


def image_names(report: Report) -> frozenset[str]:
    """SHA-256 and build IDs of the running image, as far as the report on the service has them."""
    live = getattr(report, "live", None)
    facts: dict[str, Any] = (
        next((item.facts for item in live.topics if item.topic == "image"), {}) if live is not None else {}
    )
    return frozenset(str(facts[key]) for key in ("sha256", "gnu_build_id", "go_build_id") if facts.get(key))


def last_rehearsal(database: Database, names: frozenset[str]) -> Rehearsed | None:
    """The last one in the store of an image with one of `names`; None when there is none."""
    if not names:
        return None
    with database.read() as connection:
        return last_with(connection, names)

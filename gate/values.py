"""What may be shown of data that changed: values go into logs and pages, and some of them are secrets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gate.inflection import count

if TYPE_CHECKING:
    from probes.drift.data.facts import DataChange, EmbeddedChange

SECRET = re.compile("key|token|secret|passw|credential", re.IGNORECASE)
"""In the names of variables, fields and files whose contents are not shown."""
DIGITS = 12
"""Of a digest."""


def is_hidden(change: DataChange, *, values: bool) -> bool:
    """Whether the values of a variable are not to be shown: none are, its name speaks of a secret, or a text has no name."""
    return not values or SECRET.search(change.name + change.path) is not None or (change.text and not change.name)


def both_values(change: DataChange, *, values: bool) -> tuple[str, str]:
    """Both values for people; what is hidden by its length and digest. `values`: those that are no secrets may be shown."""
    if not is_hidden(change, values=values):
        return change.old, change.new
    return (
        f"{count(change.old_size, 'byte')} (sha256 {change.old_digest[:DIGITS]})",
        f"{count(change.new_size, 'byte')} (sha256 {change.new_digest[:DIGITS]})",
    )


def diff_of(change: EmbeddedChange, *, values: bool) -> tuple[str, ...]:
    """The lines that differ in an embedded file, unless they are not to be shown."""
    return () if not values or SECRET.search(change.path) is not None else change.diff


def subject_of(change: DataChange) -> str:
    """What a change is of: the variable and the part of it, or whose data it is in a stripped program."""
    if change.name:
        return f"{change.name}{change.path}"
    place = f" ({change.path})" if change.path else ""
    return f"data that {change.used_by[0]} uses{place}" if change.used_by else f"unnamed data{place}"

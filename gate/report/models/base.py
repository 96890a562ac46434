"""What all parts of the report have in common."""

from __future__ import annotations

from msgspec import Struct


class Shape(Struct, frozen=True, forbid_unknown_fields=True):
    """What all parts have in common: a saved report may hold no other keys, and no other types."""


class Section:
    """Marks a field that is left out of the JSON when it is None."""

"""What all parts of the report have in common."""

from __future__ import annotations

from typing import ClassVar


class Shape:
    """What all parts have in common: a saved report may hold no other keys, and no other types."""

    __slots__ = ()
    __pydantic_config__: ClassVar = {"extra": "forbid", "strict": True, "allow_inf_nan": False}


class Section:
    """Marks a field that is left out of the JSON when it is None."""

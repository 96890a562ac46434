"""The report as JSON text."""

from __future__ import annotations

import json
import typing
from functools import cache
from typing import Any

from msgspec import Struct
from msgspec.json import format as format_json

from gate.report.models.base import Section
from gate.report.models.reproducible import text


def render(report: object) -> str:
    """A report as indented JSON, ending in a newline, in ASCII so that no name can steer a terminal."""
    # The standard library's encoder is only quick without indentation; msgspec's does not know ASCII.
    return format_json(json.dumps(to_dict(report), ensure_ascii=True), indent=2) + "\n"


def to_dict(value: Any) -> Any:
    """Structs as dicts in field order, without the sections that are None; lone surrogates as U+FFFD."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return {to_dict(key): to_dict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_dict(item) for item in value]
    if isinstance(value, Struct):
        sections = _sections(value.__class__)
        pairs = ((name, getattr(value, name)) for name in value.__struct_fields__)
        return {name: to_dict(item) for name, item in pairs if not (item is None and name in sections)}
    return value


@cache
def _sections(kind: type) -> frozenset[str]:
    hints = typing.get_type_hints(kind, include_extras=True)
    return frozenset(name for name, hint in hints.items() if Section in getattr(hint, "__metadata__", ()))

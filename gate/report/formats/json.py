"""The report as JSON text."""

from __future__ import annotations

import json
import typing
from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec import Struct, to_builtins
from msgspec.json import format as format_json

from gate.report.models.base import Section
from gate.report.models.reproducible import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SURROGATE = "\\ud"


def render(report: object) -> str:
    """A report as indented JSON, ending in a newline, in ASCII so that no name can steer a terminal."""
    # The standard library's encoder is only quick without indentation; msgspec's does not know ASCII.
    written = json.dumps(_quickly(report), ensure_ascii=True)
    if _SURROGATE in written:  # it may be a lone one
        written = json.dumps(to_dict(report), ensure_ascii=True)
    return format_json(written, indent=2) + "\n"


def _quickly(value: Any) -> Any:
    """The same as `to_dict` where no text has a lone surrogate."""
    if not isinstance(value, Struct) or _whole(value.__class__):
        return to_builtins(value)
    sections = _sections(value.__class__)
    pairs = ((name, getattr(value, name)) for name in value.__struct_fields__)
    return {name: _quickly(item) for name, item in pairs if not (item is None and name in sections)}


@cache
def _whole(kind: type) -> bool:
    """Whether nothing is left out of a struct, nor of those in it."""
    found, fresh = {kind}, [kind]
    while fresh:
        struct = fresh.pop()
        if _sections(struct):
            return False
        inside = set(_structs(typing.get_type_hints(struct).values()))
        fresh += inside - found
        found |= inside
    return True


def _structs(hints: Iterable[Any]) -> Iterator[type[Struct]]:
    for hint in hints:
        if isinstance(hint, type) and issubclass(hint, Struct):
            yield hint
        yield from _structs(typing.get_args(hint))


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

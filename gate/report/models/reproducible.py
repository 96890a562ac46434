"""A report as it comes back from its JSON, so that every format is the same from a saved report."""

from __future__ import annotations

from typing import Any, TypeVar

from msgspec import Struct

T = TypeVar("T")


def settled(report: T) -> T:
    """`report` with what JSON cannot keep replaced: lone surrogates by U+FFFD, tuples by lists."""
    out: T = _settled(report)
    return out


def _settled(value: Any) -> Any:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return {text(key): _settled(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_settled(item) for item in value]
    if isinstance(value, Struct):
        return value.__class__(**{name: _settled(getattr(value, name)) for name in value.__struct_fields__})
    return value


def text(value: str) -> str:
    """`value` with each lone surrogate, which stands for a byte that is no UTF-8, as U+FFFD."""
    return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

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
    kind = type(value)
    if kind is str:
        return value if value.isascii() else text(value)
    if kind is list or kind is tuple:
        return [_settled(item) for item in value]
    if kind is dict:
        return {text(key): _settled(item) for key, item in value.items()}
    if isinstance(value, Struct):
        return kind(**{name: _settled(getattr(value, name)) for name in kind.__struct_fields__})
    return text(value) if isinstance(value, str) else value


def text(value: str) -> str:
    """`value` with each lone surrogate, which stands for a byte that is no UTF-8, as U+FFFD."""
    return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

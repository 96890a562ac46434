"""What a YAML file holds: texts, lists and mappings, each with the line that it begins in (counted from 1)."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct


class Scalar(Struct, frozen=True):
    """A value as it is written, so that `version: 1.10` stays `1.10`. `plain`: it had no quotes, so `null` means nothing."""

    text: str
    line: int
    plain: bool = True


class Items(Struct, frozen=True):
    """A list."""

    items: tuple[Node, ...]
    line: int


class Mapping(Struct, frozen=True):
    """Keys and values in the order of the file. A key is there once."""

    entries: dict[str, Node]
    key_lines: dict[str, int]
    line: int


class Opaque(Struct, frozen=True):
    """What is not looked into: an alias, or a value with a tag such as `!vault`."""

    what: str
    line: int


Node: TypeAlias = Scalar | Items | Mapping | Opaque

_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})


def is_null(node: Node) -> bool:
    """Whether it stands for no value."""
    return isinstance(node, Scalar) and node.plain and node.text in _NOTHING


def to_python(node: Node) -> object:
    """Lists, dicts, texts and None. Numbers stay texts: what they mean is for the reader to say."""
    if isinstance(node, Mapping):
        return {key: to_python(value) for key, value in node.entries.items()}
    if isinstance(node, Items):
        return [to_python(item) for item in node.items]
    if isinstance(node, Scalar):
        return None if is_null(node) else node.text
    raise TypeError(f"an opaque value: {node.what}")


def line_of(node: Node, path: tuple[str | int, ...]) -> int:
    """The line of the value at `path`, or of the nearest one around it that is there; a key's own line for a mapping's value."""
    line = node.line
    for part in path:
        if isinstance(node, Mapping) and isinstance(part, str) and part in node.entries:
            line = node.key_lines[part]
            node = node.entries[part]
        elif isinstance(node, Items) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            line = node.line
        else:
            break
    return line

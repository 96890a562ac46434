"""Reads a YAML file event by event, without recursion and with bounds.

PyYAML's own constructors are not used: they turn `1.10` into a number, take the last of two equal keys, and follow aliases.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from gate.fleet.errors import FleetError
from gate.fleet.yaml.tree import Items, Mapping, Node, Opaque, Scalar

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_DEPTH = 20
MAX_NODES = 1_000_000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_text(path: str, what: str, max_bytes: int) -> str:
    """The text of the file at `path`; `what` it is, such as "the plan", for errors.

    Raises:
        FleetError: it cannot be read, is larger than `max_bytes`, or no UTF-8.
    """
    try:
        with Path(path).open("rb") as file:
            raw = file.read(max_bytes + 1)
    except OSError as exc:
        raise FleetError(f"cannot read {what} ({exc.strerror}): {path}") from exc
    if len(raw) > max_bytes:
        raise FleetError(f"{what} is larger than {max_bytes >> 20} MiB: {path}")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = raw[: exc.start].count(b"\n") + 1
        raise FleetError(f"{path}:{line}: {what} is not UTF-8 text") from exc


def parse(path: str, text: str, *, strict: bool) -> Node:
    """The one document in `text`, which is that of the file at `path`.

    Args:
        path: for errors.
        text: YAML.
        strict: aliases and tags are errors, else they are `Opaque`.

    Raises:
        FleetError: it is no YAML, or more than is read.
    """
    try:
        return _Builder(path, strict=strict).build(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        where = f"{path}:{mark.line + 1}" if mark is not None else path
        said = " ".join(str(exc.problem or exc.context).split())
        raise FleetError(f"{where}: not valid YAML: {said}") from exc
    except yaml.YAMLError as exc:
        raise FleetError(f"{path}: not valid YAML: {' '.join(str(exc).split())[:200]}") from exc


class _Open:
    """A list or a mapping that is being read."""

    def __init__(self, line: int, *, mapping: bool, opaque: str) -> None:
        self.line = line
        self.mapping = mapping
        self.opaque = opaque
        self.items: list[Node] = []
        self.entries: dict[str, Node] = {}
        self.key_lines: dict[str, int] = {}
        self.key: str | None = None


class _Builder:
    def __init__(self, path: str, *, strict: bool) -> None:
        self._path = path
        self._strict = strict
        self._open: list[_Open] = []
        self._root: Node | None = None
        self._documents = 0
        self._nodes = 0

    def build(self, events: Iterable[Any]) -> Node:
        for event in events:
            line = event.start_mark.line + 1
            if isinstance(event, yaml.DocumentStartEvent):
                self._document(line)
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event, line)
            elif isinstance(event, yaml.ScalarEvent):
                self._scalar(event, line)
            elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
                if len(self._open) == MAX_DEPTH:
                    raise FleetError(f"{self._path}:{line}: nested deeper than {MAX_DEPTH} levels")
                mapping = isinstance(event, yaml.MappingStartEvent)
                self._open.append(_Open(line, mapping=mapping, opaque=self._tag(event, line)))
            elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
                self._close()
        if self._root is None:
            raise FleetError(f"{self._path}: nothing is in it")
        return self._root

    def _document(self, line: int) -> None:
        self._documents += 1
        if self._documents > 1:
            raise FleetError(f"{self._path}:{line}: a second document begins here; one is read")

    def _alias(self, event: Any, line: int) -> None:
        if self._strict:
            hint = "write out what it stands for"
            raise FleetError(f"{self._path}:{line}: aliases are not followed: *{event.anchor[:60]}", hint=hint)
        self._add(Opaque("an alias", line), line)

    def _tag(self, event: Any, line: int) -> str:
        if event.tag is None or event.tag == "!":
            return ""
        if self._strict:
            raise FleetError(f"{self._path}:{line}: tags are not read: {event.tag[:60]}")
        return f"a value tagged {event.tag[:60]}"

    def _scalar(self, event: Any, line: int) -> None:
        tag = self._tag(event, line)
        plain = event.style in (None, "")
        self._add(Opaque(tag, line) if tag else Scalar(event.value, line, plain), line)

    def _close(self) -> None:
        done = self._open.pop()
        node: Node = Opaque(done.opaque, done.line)
        if not done.opaque and done.mapping:
            node = Mapping(done.entries, done.key_lines, done.line)
        elif not done.opaque:
            node = Items(tuple(done.items), done.line)
        self._add(node, done.line)

    def _add(self, node: Node, line: int) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise FleetError(f"{self._path}:{line}: more than {MAX_NODES:,} values")
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        if not parent.mapping:
            parent.items.append(node)
        elif parent.key is None:
            if not isinstance(node, Scalar):
                raise FleetError(f"{self._path}:{line}: a key has to be a text")
            if node.text in parent.entries:
                first = parent.key_lines[node.text]
                raise FleetError(
                    f"{self._path}:{line}: the key {node.text[:60]!r} is here twice, first in line {first}"
                )
            parent.key = node.text
            parent.key_lines[node.text] = line
            parent.entries[node.text] = node  # its place, until the value is known
        else:
            parent.entries[parent.key] = node
            parent.key = None

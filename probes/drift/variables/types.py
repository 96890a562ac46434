"""Which package variables have another type in NEW, where both files have DWARF."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from probes.drift.facts import short
from probes.dwarf.shapes import Shape
from probes.elf.image import I64
from probes.go.facts import BinaryFacts
from probes.go.variables.table import VariableTable
from probes.go.variables.types import VariableTypes

MAX_TOLD = 3
"""Differences of one variable that are named."""
MAX_FOUND = 100


def read_types(files: Sequence[BinaryFacts], tables: Sequence[VariableTable]) -> tuple[VariableTypes, VariableTypes]:
    """The types of the variables of OLD and NEW.

    Raises:
        MalformedTable: one of them cannot be read.
    """
    ours, theirs = (VariableTypes(facts, table) for facts, table in zip(files, tables, strict=True))
    ours.signatures = theirs.signatures = ours.marks_results == theirs.marks_results
    return ours, theirs


def compare_types(
    types: tuple[VariableTypes, VariableTypes], old: I64, new: I64
) -> tuple[dict[int, str], tuple[int, ...]]:
    """Compare the types of the variables at rows `old` and `new`, shape (n,).

    Returns:
        what differs by index, and the indices of those whose type is not known on both sides.

    Raises:
        MalformedTable: the entries are damaged.
    """
    details: dict[int, str] = {}
    unknown: list[int] = []
    for index, (a, b) in enumerate(zip(old.tolist(), new.tolist(), strict=True)):
        ours, theirs = types[0].shape(a), types[1].shape(b)
        if ours is None or theirs is None:
            unknown.append(index)
        elif ours.digest != theirs.digest:
            details[index] = difference(ours, theirs)
    return details, tuple(unknown)


def difference(old: Shape, new: Shape) -> str:
    """What differs between two types whose digests do, in one line: `int64 → float64`, `main.T: Rate int64 → float64`."""
    inside = []
    if old.name == new.name or (_is_literal(old) and _is_literal(new)):
        for found in _inside(old, new, ""):
            inside.append(found)
            if len(inside) == MAX_FOUND:
                break
    if not inside:
        return f"{short(old.name)} → {short(new.name)}"
    more = f" and {len(inside) - MAX_TOLD} more" if len(inside) > MAX_TOLD else ""
    name = "struct" if _is_literal(old) else short(old.name)
    return f"{name}: {', '.join(inside[:MAX_TOLD])}{more}"


def _inside(old: Shape, new: Shape, path: str) -> Iterator[str]:
    """The differences of two types whose digests differ, at least one, at `path` in the variable."""
    at = f"{path} " if path else ""
    literal = _is_literal(old) and _is_literal(new)
    told = False
    if (old.name == new.name or literal) and old.underlying == new.underlying:
        for found in _members(old, new, path):
            told = True
            yield found
    if told:
        return
    if old.name != new.name:
        yield f"{at}{short(old.name)} → {short(new.name)}"
    elif old.underlying != new.underlying:
        yield f"{at}{short(old.underlying)} → {short(new.underlying)}"
    else:
        yield f"{at}is laid out otherwise"


def _members(old: Shape, new: Shape, path: str) -> Iterator[str]:
    if old.underlying == "struct":
        yield from _fields(old, new, path)
        return
    for a, b in zip(old.members, new.members, strict=False):  # the elements of an array
        if a.shape.digest != b.shape.digest:
            yield from _inside(a.shape, b.shape, f"{path}[]")


def _fields(old: Shape, new: Shape, path: str) -> Iterator[str]:
    """The fields that differ; `_`, of which there may be many, by number."""
    ours, theirs = (
        {f"{m.name}{n}" if m.name == "_" else m.name: m for n, m in enumerate(s.members)} for s in (old, new)
    )
    lead = f"{path}." if path else ""
    for name, member in ours.items():
        other = theirs.get(name)
        if other is None:
            yield f"{lead}{member.name} {short(member.shape.name)} removed"
        elif member.shape.digest != other.shape.digest:
            yield from _inside(member.shape, other.shape, f"{lead}{member.name}")
        elif member.offset != other.offset:
            yield f"{lead}{member.name} offset {member.offset} → {other.offset}"
    for name, member in theirs.items():
        if name not in ours:
            yield f"{lead}{member.name} {short(member.shape.name)} added"


def _is_literal(shape: Shape) -> bool:
    """Whether it is an unnamed struct, whose name is all that it holds."""
    return shape.name.startswith("struct {")

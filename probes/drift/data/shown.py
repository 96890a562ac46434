"""Values as people read them: the way to them in the variable, and what they are, by the variable's type where it is known."""

from __future__ import annotations

import json
import math
import struct
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator

    from probes.dwarf.shapes import Shape

MAX_SHOWN = 120
"""Characters of a value."""
MAX_BYTES = 16
"""Bytes that are shown as such."""
WORD = 8
SMALL = 1 << 20
"""Words below are most likely numbers that count something."""

_FORMATS = {
    "bool": "<?", "int8": "<b", "int16": "<h", "int32": "<i", "int64": "<q", "int": "<q", "uint8": "<B",
    "uint16": "<H", "uint32": "<I", "uint64": "<Q", "uint": "<Q", "uintptr": "<Q", "float32": "<f", "float64": "<d",
    "complex64": "<2f", "complex128": "<2d",
}  # fmt: skip
"""`struct` formats by the names of `reflect.Kind`."""
SIZES = {kind: struct.calcsize(layout) for kind, layout in _FORMATS.items()} | {"string": 16}
"""Bytes of the types whose names say all of them."""
_HEADERS = {"string": 16, "slice": 24, "interface": 16, "pointer": 8, "map": 8, "chan": 8, "func": 8}


class Leaf(Struct, frozen=True):
    """A part of a variable that has a value of its own.

    `kind`: a name of `reflect.Kind`, "" unknown; `elements`: that of a slice's elements, where the type's name says it.
    `offset`: bytes from the start of the variable.
    """

    path: str
    kind: str
    offset: int
    size: int
    elements: str = ""


def offset(distance: int) -> str:
    """A place in a variable of unknown type: `+16`; "" for its start."""
    return f"{distance:+d}" if distance else ""


def leaves(shape: Shape | None, place: int, size: int) -> list[Leaf]:
    """The parts of a variable of type `shape` that lie in the word at `place`; `size`: the variable's bytes.

    Without a type, or where it does not reach, it is the word itself.
    """
    rest = min(WORD, size - place)
    if shape is not None:
        found = list(_inside(shape, "", 0, place, place + rest))
        if found:
            return found
    return [Leaf(offset(place), "", place, rest)]


def _inside(shape: Shape, path: str, base: int, first: int, last: int) -> Iterator[Leaf]:
    """The leaves of `shape`, which stands at `base`, between `first` and `last`."""
    kind = kind_of(shape)
    if kind == "struct":
        for member in shape.members:
            at = base + member.offset
            if at < last and at + max(member.shape.size, 1) > first:
                yield from _inside(member.shape, f"{path}.{member.name}", at, first, last)
    elif kind == "array" and shape.members and shape.members[0].shape.size > 0:
        element = shape.members[0].shape
        for index in range(
            max(first - base, 0) // element.size, -(-(min(last, base + shape.size) - base) // element.size)
        ):
            yield from _inside(element, f"{path}[{index}]", base + index * element.size, first, last)
    elif shape.size > 0 and kind in {*_FORMATS, *_HEADERS, "unsafe.Pointer"}:
        yield Leaf(path, kind, base, shape.size, shape.underlying[2:] if kind == "slice" else "")


def elements(kind: str, place: int) -> list[Leaf]:
    """The elements of type `kind`, of which a slice's data is made, in the word at `place`; none where their size is unknown."""
    size = SIZES.get(kind)
    if size is None:
        return []
    return [Leaf(f"[{i}]", kind, i * size, size) for i in range(place // size, (place + WORD - 1) // size + 1)]


def kind_of(shape: Shape) -> str:
    """The name of the `reflect.Kind` of a type."""
    text = shape.underlying
    for lead, kind in (("[]", "slice"), ("[", "array"), ("*", "pointer"), ("map[", "map"), ("chan ", "chan")):
        if text.startswith(lead):
            return kind
    for kind in ("func", "interface"):
        if text.startswith(kind):
            return kind
    return text


def number(kind: str, raw: bytes) -> str:
    """The value of `raw`, of the type `kind`, as Go writes it; "" where it has none of its own."""
    layout = _FORMATS.get(kind)
    if layout is None or struct.calcsize(layout) != len(raw):
        return ""
    values = struct.unpack(layout, raw)
    if kind == "bool":
        return "true" if values[0] else "false"
    if len(values) == 2:
        return f"({values[0]:g}{values[1]:+g}i)"
    if kind == "float32":
        return _short_float32(values[0])
    return repr(values[0]).removesuffix(".0") if kind == "float64" else str(values[0])


def _short_float32(value: float) -> str:
    """The shortest text that is this number in 32 bits."""
    if not math.isfinite(value):
        return repr(value)
    return next(
        text for n in range(1, 10) if struct.pack("<f", float(text := f"{value:.{n}g}")) == struct.pack("<f", value)
    )


def unknown(old: bytes, new: bytes) -> tuple[str, str]:
    """Both values of a word of unknown type: as numbers where both look like small ones, or like fractions, else bytes."""
    if len(old) == len(new) == WORD:
        whole = [int.from_bytes(raw, "little", signed=True) for raw in (old, new)]
        if all(abs(value) < SMALL for value in whole):
            return str(whole[0]), str(whole[1])
        floats = [struct.unpack("<d", raw)[0] for raw in (old, new)]
        if all(value == 0 or 1e-9 < abs(value) < 1e15 for value in floats if math.isfinite(value)) and all(
            map(math.isfinite, floats)
        ):
            shown = [repr(value) for value in floats]
            if all(len(text) <= MAX_BYTES for text in shown):
                return f"{shown[0]} (as float64)", f"{shown[1]} (as float64)"
    elif len(old) == len(new) and len(old) in {1, 2, 4}:
        return str(int.from_bytes(old, "little")), str(int.from_bytes(new, "little"))
    return hexadecimal(old), hexadecimal(new)


def narrowed(leaf: Leaf, raw: list[bytes], values: tuple[str, str]) -> tuple[Leaf, list[bytes], tuple[str, str]]:
    """A word of unknown type of which one half alone differs, as that half; anything else as it is."""
    half = WORD // 2
    if leaf.size != WORD or values != (hexadecimal(raw[0]), hexadecimal(raw[1])):
        return leaf, raw, values
    for start in (0, half):
        if raw[0][half - start :][:half] == raw[1][half - start :][:half]:
            parts = [each[start:][:half] for each in raw]
            place = leaf.offset + start
            path = f"{leaf.path.removesuffix(offset(leaf.offset))}{offset(place)}"
            return Leaf(path, "", place, half), parts, unknown(*parts)
    return leaf, raw, values


def hexadecimal(raw: bytes) -> str:
    """Bytes, the first of them: `de ad be ef`."""
    return raw[:MAX_BYTES].hex(" ") + (" …" if len(raw) > MAX_BYTES else "")


def text(raw: bytes) -> str:
    """A text in quotes, as Go writes it, or bytes; the beginning of a long one."""
    try:
        shown = json.dumps(raw.decode("utf-8"), ensure_ascii=False)
    except UnicodeDecodeError:
        return hexadecimal(raw)
    return shown if len(shown) <= MAX_SHOWN else f'{shown[: MAX_SHOWN - 2]}…"'


def texts(old: bytes, new: bytes) -> tuple[str, str]:
    """Both texts, shortened around the place where they differ first."""
    shared = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    start = shared - MAX_SHOWN // 4
    if max(len(old), len(new)) <= MAX_SHOWN or start <= 0:
        return text(old), text(new)
    while start < shared and old[start] & 0xC0 == 0x80:  # not in the middle of a character
        start += 1
    return (f"…{text(old[start:])}", f"…{text(new[start:])}")

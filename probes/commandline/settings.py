"""Boolean fields that a program sets in structs of a library: in its code, or in its data."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from probes.code.tracing import Tracing
from probes.code.types import Types
from probes.elf.image import I64, U8

SHORT = 128
"""Bytes from which on a distance is seldom met by chance."""


def switched_on(
    tracing: Tracing, types: Types, name: str, fields: Iterable[str], library: tuple[str, ...]
) -> list[str]:
    """Those of `fields` of the struct `name` that something outside of the packages `library` may set to true.

    Sure to find them where they are set, it may also take something else for them: what is at the same distance in another struct of
    a package that uses the library.
    """
    row = types.named(name)
    if row < 0:
        return []
    program = tracing.program
    users = program.users(library)
    users |= {program.package(at) for at in program.takers({int(types.table.address[row])})} - set(library)
    found = []
    for field in types.fields(row):
        if field.name not in fields:
            continue
        in_code = _in_code(tracing, int(types.table.address[row]), field.offset, users)
        if in_code or (field.offset >= SHORT and _in_data(types, row, field.offset)):
            found.append(field.name)
    return found


def _in_code(tracing: Tracing, type_: int, offset: int, users: set[str]) -> bool:
    """Whether a function of the packages `users` may set the byte at `offset` of a struct of the type at `type_`."""
    program = tracing.program
    for row in program.byte_setters(offset):
        if program.package(row) not in users:
            continue
        trace = tracing.of(row)
        if not trace.complete or any(
            distance == offset and size == 1 and value in {1, None}
            for (_, distance, size), value in trace.loose.items()
        ):
            return True
        for made in trace.objects.values():
            if made.type in {type_, None} and offset in made.stores and made.get(offset) != 0:
                return True
    return False


def _in_data(types: Types, row: int, offset: int) -> bool:
    """Whether the data hold what looks like such a struct, with a true there."""
    program = types.program
    image = program.image
    fields = types.fields(row)
    strings = [each.offset for each in fields if each.type == "string"]
    size = int(types.table.size[row])
    for span in image.spans:
        if span.executable:
            continue
        data = image.data[span.offset : span.offset + span.end - span.start]
        first = -span.start % 8
        at = first + 8 * np.flatnonzero(data[first + offset :: 8] == 1)
        at = at[at + size <= data.size]
        for low, high in program.tables:  # pairs of an address and a size, as strings are
            at = at[(at + span.start < low) | (at + span.start >= high)]
        for place in strings:
            if not at.size:
                break
            pointer, length = _words(data, at + place), _words(data, at + place + 8)
            empty = (pointer == 0) & (length == 0)
            sound = np.zeros(at.shape, dtype=np.bool_)
            for low, high in program.constant:
                sound |= (pointer >= low) & (pointer + length <= high)
            at = at[empty | (sound & (pointer > 0) & (length > 0) & (length < 1 << 20))]
        named = strings[:1]
        if at.size and named and bool((_words(data, at + named[0]) != 0).any()):
            return True
    return False


def _words(data: U8, at: I64) -> I64:
    """The words at places in `data`, aligned or not."""
    whole: I64 = np.ndarray((max(data.size - 7, 0),), dtype="<i8", buffer=data, strides=(1,))
    found: I64 = whole[at]
    return found

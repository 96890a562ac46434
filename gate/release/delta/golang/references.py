"""Every operand of an image that says where something is: its place, its form, and the address that it stands for.

Code is not decoded. Four bytes behind the opcode of a call or jump, or behind a ModRM byte that says "relative to RIP", that lead to a place in
the image are a reference: by chance that is one in several hundred thousand, and costs a byte or two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from gate.release.delta.golang.fields import WIDTH, WORD, Base, Found, offsets
from gate.release.delta.golang.function_records import function_records
from gate.release.delta.golang.layout import AMD64, ARM64
from gate.release.delta.golang.machine_code import amd64, arm64
from gate.release.delta.golang.type_descriptors import type_descriptors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gate.release.delta.golang.layout import Layout

    I64 = NDArray[np.int64]
    U8 = NDArray[np.uint8]


class References(Struct, frozen=True, eq=False):
    """References by their place: `place` in the file, ascending and not overlapping; `form`; `base`, an index; `target`, an address. Shape (n,)."""

    place: I64
    form: NDArray[np.uint8]
    base: NDArray[np.int16]
    target: I64


def bases(layout: Layout) -> tuple[I64, I64]:
    """The addresses that offsets count from, by the index that references have, and what their values are multiplied with."""
    found = [(0, 1), *((column.base, column.scale) for column in layout.columns)]
    if layout.functions is not None:
        table = layout.functions
        found += [(base, 1) for _, base, _ in table.fixed]
        found += [(table.pctab, 1), (table.gofunc, 1), (table.names, 1)]
    if layout.types is not None:
        found += [(layout.text_base, 1), (layout.types.base, 1)]
    pairs = np.array(found, np.int64)
    return pairs[:, 0], pairs[:, 1]


def find(image: U8, layout: Layout) -> References:
    """All references of an image, shape (size,), that `layout` describes."""
    found: list[Found] = []
    if layout.machine == AMD64:
        found += amd64(image, layout)
    elif layout.machine == ARM64:
        found += arm64(image, layout)
    found += [_words(image, layout, offset, size) for offset, size in layout.words]
    number = 1
    for column in layout.columns:
        place = column.offset + column.stride * np.arange(column.count, dtype=np.int64)
        found.append(offsets(image, place, Base(number, column.base, column.scale, column.nullable)))
        number += 1
    if layout.functions is not None:
        found += function_records(image, layout, layout.functions, number)
        number += len(layout.functions.fixed) + 3
    if layout.types is not None:
        targets = np.concatenate([each.target for each in found]) if found else np.empty(0, np.int64)
        found += type_descriptors(image, layout, layout.types, targets, number)
    return _ordered(found)


def _words(image: U8, layout: Layout, offset: int, size: int) -> Found:
    """Addresses in words of 64 bits."""
    first = (offset + 7) // 8
    words = image[8 * first : max(8 * first, (offset + size) // 8 * 8)].view("<i8")
    some = np.flatnonzero(words).astype(np.int64)
    target = words[some].astype(np.int64)
    good = layout.maps(target)
    return Found(8 * (first + some[good]), WORD, 0, target[good])


def _ordered(found: list[Found]) -> References:
    """What was found, by place; what overlaps something before is left out."""
    count = [each.place.size for each in found]
    place = np.concatenate([np.empty(0, np.int64), *(each.place for each in found)])
    target = np.concatenate([np.empty(0, np.int64), *(each.target for each in found)])
    form = np.repeat(np.array([each.form for each in found], np.uint8), count)
    base = np.repeat(np.array([each.base for each in found], np.int16), count)
    order = np.argsort(place, kind="stable")
    place, form, base, target = place[order], form[order], base[order], target[order]
    keep = np.ones(place.size, np.bool_)
    keep[1:] = place[1:] >= np.maximum.accumulate(place + WIDTH[form])[:-1]
    return References(place[keep], form[keep], base[keep], target[keep])

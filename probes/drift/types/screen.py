"""Compare paired types by columns: every value that a descriptor holds, names and types by identity, not by address."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from probes.elf.image import I64
from probes.go.types import layouts as tl
from probes.go.types.columns import Bools, Fields, Methods, Params
from probes.go.types.names import Names
from probes.go.types.table import TypeTable

MASK_BYTES = 8
"""Bytes of pointer masks that are compared at once; they speak of 512 bytes of a value."""


class Paired(Protocol):
    """Which type of OLD is which of NEW (see `layout_side.Pairing`)."""

    old: TypeTable
    new: TypeTable
    partner: I64
    identity_old: I64
    identity_new: I64


def differing(pairing: Paired) -> Bools:
    """Rows of OLD whose description is another in NEW, shape (rows of OLD,); False for those without a partner."""
    old, new = pairing.old, pairing.new
    rows = np.flatnonzero(pairing.partner >= 0)
    theirs = pairing.partner[rows]
    differs = np.zeros(len(rows), dtype=np.bool_)
    for column in ("kind", "size", "ptrdata", "align", "length", "direction", "variadic", "n_in"):
        differs |= getattr(old, column)[rows] != getattr(new, column)[theirs]
    for column in ("elem", "key"):
        differs |= (
            pairing.identity_old[getattr(old, column)[rows]] != pairing.identity_new[getattr(new, column)[theirs]]
        )
    differs |= masks_differ(old, new, rows, theirs)
    text_old, text_new = _interned(old.names, new.names)
    for part in _parts(pairing, rows, theirs, text_old, text_new):
        differs |= part
    out = np.zeros(len(old), dtype=np.bool_)
    out[rows[differs]] = True
    return out


def _parts(pairing: Paired, rows: I64, theirs: I64, text_old: I64, text_new: I64) -> list[Bools]:
    """Which pairs have other fields, parameters, or methods of an interface."""
    old, new = pairing.old, pairing.new
    found = []
    counts, ours, other = _aligned(old.fields, new.fields, rows, theirs)
    unlike = (
        (text_old[old.fields.name[ours]] != text_new[new.fields.name[other]])
        | (old.fields.offset[ours] != new.fields.offset[other])
        | (old.fields.embedded[ours] != new.fields.embedded[other])
        | (pairing.identity_old[old.fields.type[ours]] != pairing.identity_new[new.fields.type[other]])
        | (old.size[old.fields.type[ours]] != new.size[new.fields.type[other]])
    )
    found.append(_spread(counts, unlike))
    counts, ours, other = _aligned(old.params, new.params, rows, theirs)
    found.append(
        _spread(counts, pairing.identity_old[old.params.type[ours]] != pairing.identity_new[new.params.type[other]])
    )
    interfaces = old.kind[rows] == tl.INTERFACE
    counts, ours, other = _aligned(old.methods, new.methods, rows[interfaces], theirs[interfaces])
    unlike = (text_old[old.methods.name[ours]] != text_new[new.methods.name[other]]) | (
        pairing.identity_old[old.methods.type[ours]] != pairing.identity_new[new.methods.type[other]]
    )
    methods = np.zeros(len(rows), dtype=np.bool_)
    methods[interfaces] = _spread(counts, unlike)
    return [*found, methods]


def _aligned(
    ours: Fields | Methods | Params, theirs: Fields | Methods | Params, rows: I64, partners: I64
) -> tuple[I64, I64, I64]:
    """Lists of pairs side by side: their lengths (-1: not the same on both sides), and the places on both sides."""
    start, count = ours.first[rows], ours.first[rows + 1] - ours.first[rows]
    other, also = theirs.first[partners], theirs.first[partners + 1] - theirs.first[partners]
    same = count == also
    length = np.where(same, count, 0)
    within = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length)
    return np.where(same, length, -1), np.repeat(start, length) + within, np.repeat(other, length) + within


def _spread(counts: I64, unlike: Bools) -> Bools:
    """Which lists are not alike: of another length, or with an element that is not alike."""
    out = counts < 0
    owner = np.repeat(np.arange(len(counts)), np.maximum(counts, 0))
    out[owner[unlike]] = True
    return out


def _interned(old: Names, new: Names) -> tuple[I64, I64]:
    """A number for each name and its tag, the same on both sides for the same."""
    ids: dict[tuple[str, str], int] = {}
    sides = []
    for names in (old, new):
        pairs = zip(names.text, names.tag, strict=True)
        sides.append(np.array([ids.setdefault(pair, len(ids)) for pair in pairs], dtype=np.int64))
    return sides[0], sides[1]


def masks_differ(old: TypeTable, new: TypeTable, rows: I64, theirs: I64) -> Bools:
    """Which pairs have pointers in other words, as far as the files hold masks for both."""
    words = np.minimum(old.ptrdata[rows], new.ptrdata[theirs]) // 8
    sides = []
    for table, which in ((old, rows), (new, theirs)):
        at = np.where(words > 0, table.image.offsets(table.mask[which], MASK_BYTES), -1)
        sides.append((at, table.image.data[np.maximum(at, 0)[:, None] + np.arange(MASK_BYTES)]))
    (a, ours), (b, other) = sides
    known = (a >= 0) & (b >= 0)
    used = np.minimum(words, 8 * MASK_BYTES)[:, None] - 8 * np.arange(MASK_BYTES)
    keep = ((1 << np.clip(used, 0, 8)) - 1).astype(np.uint8)
    found: Bools = known & ((ours ^ other) & keep).any(axis=1)
    return found

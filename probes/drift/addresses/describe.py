"""Name what an address stands for, for a person: a function, a type, a string, a number, a variable."""

from __future__ import annotations

import json
import struct

import numpy as np

from probes.drift.addresses.descriptors import is_itab, type_hash
from probes.drift.arch.code import signed
from probes.drift.side import READONLY, TEXT, WRITABLE, Side
from probes.elf.image import I64
from probes.errors import MalformedTable

MAX_TEXT = 40


def _one(address: int) -> I64:
    """One address as an array, as a 64-bit register holds it: damaged code computes addresses beyond any."""
    return np.array([signed(address)], dtype=np.int64)


def function_at(side: Side, address: int) -> str | None:
    """The function that holds `address`, with the offset when it is not the entry; None outside of Go's text."""
    row = side.text.find(signed(address))
    if row < 0:
        return None
    offset = address - int(side.text.entry[row])
    return side.table.names[row] + (f"+{offset:#x}" if offset else "")


def symbol_at(side: Side, address: int) -> str | None:
    """The named data that holds `address`; None in stripped files."""
    if side.symbols is None:
        return None
    row = int(side.symbols.find(_one(address))[0])
    if row < 0:
        return None
    offset = address - int(side.symbols.start[row])
    return side.symbols.names[row] + (f"+{offset:#x}" if offset else "")


def type_at(side: Side, address: int) -> str | None:
    """Name of the type descriptor at `address`, or of the pair of an itab; None when neither is there."""
    where = _one(address)
    start, end = side.module.itabs
    if (start <= address < end) if end > start else bool(is_itab(side, where)[0]):
        inter, concrete = (int(side.words_at(where + at)[0]) for at in (0, 8))
        names = type_name(side, concrete), type_name(side, inter)
        return f"{names[0]} as {names[1]}" if all(names) else None
    return type_name(side, address)


def type_name(side: Side, address: int) -> str | None:
    """The text of the type descriptor at `address`; None when there is none."""
    module = side.module
    if not module.types <= address < module.etypes or not bool(type_hash(side, _one(address))[1][0]):
        return None
    flags, offset = side.image.u32(address + 20), side.image.u32(address + 40)
    name = _name(side, side.module.types + offset)
    # abi.TFlagExtraStar: the string has a leading star that is not part of the name
    return name[1:] if name and flags & 2 and name.startswith("*") else name


def _name(side: Side, address: int) -> str | None:
    """abi.Name: a flag byte, the length (a varint; big-endian 16-bit before Go 1.17), the text."""
    try:
        raw = side.image.bytes(address, 3).tolist()
        if side.module.layout.first < 17 and (side.facts.build is None or (side.facts.build.minor or 0) < 17):
            length, start = raw[1] << 8 | raw[2], 3
        elif raw[1] < 0x80:
            length, start = raw[1], 2
        else:
            length, start = (raw[1] & 0x7F) | raw[2] << 7, 3
        return side.image.bytes(address + start, length).tobytes().decode("utf-8", "replace")
    except MalformedTable:
        return None


def text_at(side: Side, address: int, length: int) -> str | None:
    """The string of `length` bytes at `address` in quotes, shortened; None when it is no text."""
    if length <= 0:
        return None
    shown = min(length, 4 * MAX_TEXT)
    if int(side.image.offsets(_one(address), shown)[0]) < 0:
        return None
    raw = side.image.bytes(address, shown).tobytes()
    try:
        text = raw.decode("utf-8", "strict" if shown == length else "ignore")
    except UnicodeDecodeError:
        return None
    if sum(c.isprintable() or c in "\n\t" for c in text) < len(text):
        return None
    return quoted(text)


def quoted(text: str) -> str:
    """`text` in quotes, control characters escaped, at most `MAX_TEXT` characters."""
    short = text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
    return json.dumps(short, ensure_ascii=False)


def number_at(side: Side, address: int, width: int) -> str | None:
    """The floating-point number of `width` bytes (4 or 8) at `address`."""
    if width not in {4, 8} or int(side.image.offsets(np.array([address]), width)[0]) < 0:
        return None
    raw = side.image.bytes(address, width).tobytes()
    return f"{struct.unpack('<d' if width == 8 else '<f', raw)[0]:.9g}"


def region_at(side: Side, address: int) -> int:
    """Region of one address (see `side`)."""
    return int(side.regions(_one(address))[0])


def anything_at(side: Side, address: int) -> str:
    """Some words for whatever is at `address`."""
    region = region_at(side, address)
    if region == TEXT:
        return function_at(side, address) or "code"
    if region == READONLY:
        return type_at(side, address) or symbol_at(side, address) or "a constant"
    if region == WRITABLE:
        return symbol_at(side, address) or "a variable"
    return symbol_at(side, address) or "native code"

"""Debugging information entries (DIEs) at known places of `.debug_info`: DWARF 2 to 5 in its 32-bit form.

Entries are read one by one where something refers to them, never from the start of a unit to its end: Go's linker writes
no DW_AT_sibling, and a program has many times more entries for functions than for variables and types.
Sources: DWARF Debugging Information Format, Version 5, chapter 7; cmd/internal/dwarf of Go.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from msgspec import Struct

from probes.errors import MalformedTable

AT_LOCATION, AT_NAME, AT_BYTE_SIZE = 0x02, 0x03, 0x0B
AT_COUNT, AT_DATA_MEMBER_LOCATION, AT_TYPE = 0x37, 0x38, 0x49

FORM_ADDR, FORM_BLOCK2, FORM_BLOCK4, FORM_STRING, FORM_BLOCK, FORM_BLOCK1 = 0x01, 0x03, 0x04, 0x08, 0x09, 0x0A
FORM_SDATA, FORM_UDATA, FORM_REF_ADDR, FORM_REF_UDATA, FORM_EXPRLOC = 0x0D, 0x0F, 0x10, 0x15, 0x18
FORM_STRX, FORM_ADDRX, FORM_IMPLICIT_CONST, FORM_LOCLISTX, FORM_RNGLISTX = 0x1A, 0x1B, 0x21, 0x22, 0x23

_FIXED = {
    0x05: 2,  # data2
    0x06: 4,  # data4
    0x07: 8,  # data8
    0x0B: 1,  # data1
    0x0C: 1,  # flag
    0x0E: 4,  # strp
    0x11: 1,  # ref1
    0x12: 2,  # ref2
    0x13: 4,  # ref4
    0x14: 8,  # ref8
    0x17: 4,  # sec_offset
    0x19: 0,  # flag_present
    0x1C: 4,  # ref_sup4
    0x1D: 4,  # strp_sup
    0x1E: 16,  # data16
    0x1F: 4,  # line_strp
    0x20: 8,  # ref_sig8
    0x24: 8,  # ref_sup8
    **{0x25 + n: n + 1 for n in range(4)},  # strx1 to strx4
    **{0x29 + n: n + 1 for n in range(4)},  # addrx1 to addrx4
}
"""Bytes of the forms that always have as many."""

_NUMBERS = {FORM_UDATA, FORM_REF_UDATA, FORM_STRX, FORM_ADDRX, FORM_LOCLISTX, FORM_RNGLISTX}
_BLOCKS = {FORM_BLOCK2: 2, FORM_BLOCK4: 4, FORM_BLOCK1: 1}
_IN_UNIT = {0x11, 0x12, 0x13, 0x14, FORM_REF_UDATA}
"""References that count from the start of their unit."""

MAX_UNITS = 1 << 17
MAX_SPECS = 1 << 16
"""Attributes in all tables of abbreviations that are read; Go's one table has 200."""
MAX_ENTRIES = 1 << 18
"""Entries that are read of one file. `cmd/go`, with 2,331 variables, takes 6,000."""
MAX_TEXT = 1 << 26
"""Bytes of names and blocks that are read of one file."""
MAX_LEB = 10

Spec = tuple[int, int, int]
"""Attribute, form, and the value of an implicit constant."""


class Unit(Struct, frozen=True):
    """The header of one unit: `start` and `end` are offsets in `.debug_info`, `abbrev` is one in `.debug_abbrev`."""

    start: int
    end: int
    version: int
    address_size: int
    abbrev: int


class Declaration(Struct, frozen=True):
    """One abbreviation: the tag of the entries that use it, and their attributes in order."""

    tag: int
    children: bool
    specs: tuple[Spec, ...]


class Entry(Struct, frozen=True):
    """One entry: `values` by attribute; `end` is where the next one begins, the first child where there are children.

    Texts and blocks are bytes, references are offsets in `.debug_info`, all else is a number.
    """

    tag: int
    children: bool
    values: dict[int, int | bytes]
    end: int

    def number(self, attribute: int, default: int = -1) -> int:
        """The number or reference under `attribute`."""
        value = self.values.get(attribute)
        return value if isinstance(value, int) else default

    def text(self, attribute: int) -> str:
        """The text under `attribute`; "" where there is none, or one that is kept in another section."""
        value = self.values.get(attribute)
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


class Entries:
    """The entries of one file. What is damaged raises MalformedTable where it is met."""

    def __init__(self, path: str, info: bytes, abbrev: bytes) -> None:
        self.path = path
        self.info = info
        self._abbrev = abbrev
        self._units = self._read_units()
        self._starts = [unit.start for unit in self._units]
        self._tables: dict[int, dict[int, Declaration]] = {}
        self._left = MAX_ENTRIES
        self._specs = self._text = 0

    def malformed(self, what: str, offset: int) -> MalformedTable:
        """The error that says what is wrong at an offset of `.debug_info`."""
        return MalformedTable(f"the DWARF of the file is damaged: {what} at {offset:#x}", subject=self.path)

    def spend(self, size: int) -> None:
        """Count `size` bytes of text. MalformedTable when they are more than those of any program."""
        self._text += size
        if self._text > MAX_TEXT:
            raise MalformedTable(f"its DWARF has more than {MAX_TEXT >> 20} MiB of names", subject=self.path)

    def unit_at(self, offset: int) -> Unit:
        """The unit that holds `offset`."""
        index = bisect_right(self._starts, offset) - 1
        if index < 0 or offset >= self._units[index].end:
            raise self.malformed("a reference leads out of every unit", offset)
        return self._units[index]

    def declarations(self, unit: Unit) -> dict[int, Declaration]:
        """The abbreviations of a unit by code."""
        table = self._tables.get(unit.abbrev)
        if table is None:
            try:
                table = self._tables[unit.abbrev] = self._read_table(unit.abbrev)
            except IndexError as exc:
                raise self.malformed("its abbreviations do not end, for the unit", unit.start) from exc
        return table

    def entry(self, offset: int) -> Entry | None:
        """The entry at `offset`; None for the null entry that ends a list of children."""
        try:
            return self._read_entry(offset)
        except IndexError as exc:
            raise self.malformed("an entry does not end", offset) from exc

    def _read_entry(self, offset: int) -> Entry | None:
        self._left -= 1
        if self._left < 0:
            raise self.malformed(f"more than {MAX_ENTRIES:,} entries are needed", offset)
        unit = self.unit_at(offset)
        code, at = _uleb(self.info, offset)
        if not code:
            return None
        declaration = self.declarations(unit).get(code)
        if declaration is None:
            raise self.malformed(f"abbreviation {code} is not declared", offset)
        values: dict[int, int | bytes] = {}
        for attribute, form, constant in declaration.specs:
            value, at = (constant, at) if form == FORM_IMPLICIT_CONST else self._value(unit, form, at)
            values[attribute] = value
        if at > unit.end:
            raise self.malformed("an entry ends behind its unit", offset)
        return Entry(declaration.tag, declaration.children, values, at)

    def children(self, entry: Entry) -> Iterator[Entry]:
        """The children of `entry`, without theirs."""
        depth, at = int(entry.children), entry.end
        while depth:
            child = self.entry(at)
            if child is None:
                depth, at = depth - 1, at + 1
                continue
            if depth == 1:
                yield child
            depth, at = depth + child.children, child.end

    def _value(self, unit: Unit, form: int, at: int) -> tuple[int | bytes, int]:
        info = self.info
        size = _FIXED.get(form, -1)
        if form == FORM_ADDR or (form == FORM_REF_ADDR and unit.version <= 2):
            size = unit.address_size
        elif form == FORM_REF_ADDR:
            size = 4
        if size >= 0:
            value = int.from_bytes(info[at : at + size], "little") if size else 1
            return value + unit.start if form in _IN_UNIT else value, at + size
        if form == FORM_STRING:
            end = info.find(b"\0", at, unit.end)
            if end < 0:
                raise self.malformed("a name does not end", at)
            self.spend(end - at)
            return info[at:end], end + 1
        if form in _NUMBERS:
            value, at = _uleb(info, at)
            return value + unit.start if form in _IN_UNIT else value, at
        if form == FORM_SDATA:
            return _sleb(info, at)
        if form in _BLOCKS:
            width = _BLOCKS[form]
            length, at = int.from_bytes(info[at : at + width], "little"), at + width
        elif form in {FORM_BLOCK, FORM_EXPRLOC}:
            length, at = _uleb(info, at)
        else:
            raise self.malformed(f"form {form:#x} is not known", at)
        self.spend(min(length, unit.end - unit.start))
        return info[at : at + length], at + length

    def _read_units(self) -> list[Unit]:
        info, at = self.info, 0
        out: list[Unit] = []
        while at < len(info):
            length = int.from_bytes(info[at : at + 4], "little")
            end = at + 4 + length
            if length >= 0xFFFFFFF0:
                raise MalformedTable("its DWARF is in the 64-bit form, which is not read", subject=self.path)
            if length < 8 or end > len(info):
                raise self.malformed("a unit is longer than its section", at)
            if len(out) >= MAX_UNITS:
                raise self.malformed(f"more than {MAX_UNITS:,} units", at)
            version = int.from_bytes(info[at + 4 : at + 6], "little")
            if not 2 <= version <= 5:
                raise self.malformed(f"a unit of version {version}", at)
            table, width = (at + 8, at + 7) if version == 5 else (at + 6, at + 10)
            out.append(Unit(at, end, version, info[width], int.from_bytes(info[table : table + 4], "little")))
            at = end
        return out

    def _read_table(self, at: int) -> dict[int, Declaration]:
        """The table at an offset of `.debug_abbrev`."""
        data = self._abbrev
        out: dict[int, Declaration] = {}
        while True:
            code, at = _uleb(data, at)
            if not code:
                return out
            tag, at = _uleb(data, at)
            children = data[at : at + 1] == b"\1"
            specs: list[Spec] = []
            at += 1
            while True:
                (attribute, at), constant = _uleb(data, at), 0
                form, at = _uleb(data, at)
                self._specs += 1
                if self._specs > MAX_SPECS:
                    raise self.malformed(f"more than {MAX_SPECS:,} attributes in abbreviations", at)
                if form == FORM_IMPLICIT_CONST:
                    constant, at = _sleb(data, at)
                if not attribute and not form:
                    break
                specs.append((attribute, form, constant))
            out.setdefault(code, Declaration(tag, children, tuple(specs)))


def uleb(value: int) -> bytes:
    """`value` as an unsigned LEB128 number."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def _uleb(data: bytes, at: int) -> tuple[int, int]:
    """The unsigned LEB128 number at `at`, and where it ends. IndexError when it does not."""
    byte = data[at]
    if byte < 0x80:
        return byte, at + 1
    value = byte & 0x7F
    for shift in range(7, 7 * MAX_LEB, 7):
        at += 1
        byte = data[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at + 1
    raise IndexError(at)


def _sleb(data: bytes, at: int) -> tuple[int, int]:
    """The signed LEB128 number at `at`, and where it ends. IndexError when it does not."""
    value, end = _uleb(data, at)
    bits = 7 * (end - at)
    return (value - (1 << bits) if value >> (bits - 1) else value), end

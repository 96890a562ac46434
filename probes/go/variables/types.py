"""The types of Go's package variables, from DWARF.

A variable's entry is found by its address, not by reading all entries: the compiler writes the name, then the location as
a block of 9 bytes, DW_OP_addr and the address (cmd/internal/dwarf, PutGlobal), and the symbol table has both.
"""

from __future__ import annotations

import numpy as np

from probes.arrays import distinct
from probes.dwarf.entries import (
    AT_LOCATION,
    AT_NAME,
    AT_TYPE,
    FORM_BLOCK1,
    FORM_EXPRLOC,
    FORM_STRING,
    Entries,
    Unit,
    uleb,
)
from probes.dwarf.sections import debug_section
from probes.dwarf.shapes import AT_VARIABLE_PARAMETER, TAG_FORMAL_PARAMETER, Shape, Shapes
from probes.elf.image import I64, U64
from probes.errors import MalformedTable
from probes.go.facts import BinaryFacts
from probes.go.variables.table import VariableTable

TAG_VARIABLE = 0x34
_PLACE = b"\x09\x03"  # a block of 9 bytes; DW_OP_addr
_PLACED = 10  # bytes of the block, its length included
_ADDRESS = np.arange(2, _PLACED)[None, :]

PIECE = 1 << 19
"""Bytes that are looked through at once."""
MAX_CODE = 3
"""Bytes of an abbreviation's code; Go's have one."""
MAX_PLACES = 8
"""Of one address; more than one is chance."""


class VariableTypes:
    """The types of the variables of one file.

    `marks_results`: the entries of function types tell results from parameters, as those of newer linkers do.
    `signatures`: what named function types take and return is part of their shapes; set it before asking for any.
    """

    def __init__(self, facts: BinaryFacts, table: VariableTable) -> None:
        """Find the entries of all variables of `table`.

        Raises:
            MalformedTable: there is no DWARF, or it is damaged or too large.
        """
        image = facts.image
        info, abbrev = debug_section(image, "info"), debug_section(image, "abbrev")
        if info is None or abbrev is None:
            what = "the file has no DWARF" if info is None else "its DWARF has no .debug_abbrev"
            raise MalformedTable(what, subject=facts.path)
        self._table = table
        self._entries = Entries(facts.path, info, abbrev)
        self._shapes: Shapes | None = None
        self._codes: dict[int, set[bytes]] = {}
        self._places = find_places(info, table.address)
        self.signatures = False
        self.marks_results = self._marks_results()

    def shape(self, row: int) -> Shape | None:
        """The type of the variable at `row`; None when DWARF does not have the variable.

        Raises:
            MalformedTable: the entries are damaged.
        """
        if self._shapes is None:
            self._shapes = Shapes(self._entries, signatures=self.signatures)
        name = self._table.names[row].encode("utf-8", "replace")
        for place in self._places.get(int(self._table.address[row]), ()):
            offset = self._type_at(name, place)
            if offset is not None:
                shape = self._shapes.at(offset)
                # Go may declare a variable of C in its own way: then it is not this one's type.
                return shape if shape.size in {-1, int(self._table.size[row])} else None
        return None

    def _marks_results(self) -> bool:
        """Whether there is an abbreviation for results: a parameter that varies, without a name."""
        place = next((places[0] for places in self._places.values()), None)
        if place is None:
            return False
        declarations = self._entries.declarations(self._entries.unit_at(place)).values()
        return any(
            each.tag == TAG_FORMAL_PARAMETER and {spec[0] for spec in each.specs} == {AT_VARIABLE_PARAMETER, AT_TYPE}
            for each in declarations
        )

    def _type_at(self, name: bytes, place: int) -> int | None:
        """The type of the variable whose location is at `place`, if that is an entry of a variable called `name`."""
        info = self._entries.info
        start = place - len(name) - 1
        if start <= 0 or info[start:place] != name + b"\0":
            return None
        codes = self._codes_of(self._entries.unit_at(place))
        for width in range(1, MAX_CODE + 1):
            if info[start - width : start] in codes:
                entry = self._entries.entry(start - width)
                if entry is not None and AT_TYPE in entry.values:
                    return entry.number(AT_TYPE)
        return None

    def _codes_of(self, unit: Unit) -> set[bytes]:
        """The codes, as they are written, of abbreviations that begin with a name and a location."""
        codes = self._codes.get(unit.abbrev)
        if codes is None:
            codes = self._codes[unit.abbrev] = {
                uleb(code)
                for code, each in self._entries.declarations(unit).items()
                if each.tag == TAG_VARIABLE and [spec[:2] for spec in each.specs[:2]] in _HEADS
            }
        return codes


_HEADS = [[(AT_NAME, FORM_STRING), (AT_LOCATION, form)] for form in (FORM_BLOCK1, FORM_EXPRLOC)]


def find_places(info: bytes, addresses: U64) -> dict[int, list[int]]:
    """Where in `info`, the bytes of `.debug_info`, each of `addresses` is written as a location."""
    wanted = distinct(addresses)
    out: dict[int, list[int]] = {}
    if not wanted.size:
        return out
    data = np.frombuffer(info, dtype=np.uint8)
    last = data.size - _PLACED + 1
    for start in range(0, max(last, 0), PIECE):
        stop = min(start + PIECE, last)
        hits: I64 = np.flatnonzero((data[start:stop] == _PLACE[0]) & (data[start + 1 : stop + 1] == _PLACE[1])) + start
        words = data[hits[:, None] + _ADDRESS].view("<u8")[:, 0]
        found = wanted[np.minimum(np.searchsorted(wanted, words), wanted.size - 1)] == words
        for place, address in zip(hits[found].tolist(), words[found].tolist(), strict=True):
            places = out.setdefault(address, [])
            if len(places) < MAX_PLACES:
                places.append(place)
    return out

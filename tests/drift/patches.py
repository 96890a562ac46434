"""Small changes to copies of the binaries of `testdata/binaries`, of which it is known what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.drift import compare
from probes.drift.arch.amd64.blocks import taken_apart
from probes.go import load
from tests import matrix

if TYPE_CHECKING:
    from pathlib import Path

    from probes.drift.facts import FunctionDrift
    from probes.go.facts import BinaryFacts
    from probes.go.table.functions import FuncTable


class Copy:
    """A binary that can be written to, by address."""

    def __init__(self, name: str) -> None:
        self.facts: BinaryFacts = load(str(matrix.unpack(name)))
        assert self.facts.functions is not None
        self.table: FuncTable = self.facts.functions
        self.content = bytearray(matrix.unpack(name).read_bytes())

    def code(self, function: str) -> tuple[int, bytes]:
        """Address and bytes of a function."""
        row = self.table.names.index(function)
        entry = int(self.table.entry[row])
        return entry, self.facts.image.bytes(entry, self.table.size(row)).tobytes()

    def write(self, address: int, data: bytes) -> None:
        offset = self.facts.image.offset(address, len(data))
        self.content[offset : offset + len(data)] = data

    def compared(self, folder: Path) -> FunctionDrift:
        """What comparing the original with this copy says."""
        path = folder / "patched"
        path.write_bytes(self.content)
        drift = compare(self.facts, load(str(path))).functions
        assert drift is not None
        return drift


def constants(entry: int, code: bytes) -> list[tuple[int, int]]:
    """(address of the byte, value) of every one-byte immediate that is compared with."""
    found = taken_apart(code, texts=True)
    return [
        (entry + place, code[place])
        for place, size, (mnemonic, _) in zip(
            found.fields.immediate.tolist(), found.fields.immediate_size.tolist(), found.texts, strict=True
        )
        if mnemonic == "cmp" and size == 1
    ]


def calls(entry: int, code: bytes) -> list[tuple[int, int]]:
    """(address of the displacement, target) of every direct call."""
    found = taken_apart(code)
    places = found.fields.immediate[found.fields.call].tolist()
    return [(entry + place, entry + place + 4 + _i32(code, place)) for place in places]


def operands(entry: int, code: bytes) -> list[tuple[int, int]]:
    """(offset of the 4-byte operand from the entry, target) of everything that is relative to the pc."""
    found = taken_apart(code)
    fields = found.fields
    out = [
        (place, entry + end + _i32(code, place))
        for rows, places, sizes in (
            (fields.relative, fields.displacement, fields.displacement_size),
            (fields.branch, fields.immediate, fields.immediate_size),
        )
        for place, size, end in zip(places[rows].tolist(), sizes[rows].tolist(), found.ends[rows].tolist(), strict=True)
        if size == 4
    ]
    return sorted(out)


def _i32(code: bytes, place: int) -> int:
    return int.from_bytes(code[place : place + 4], "little", signed=True)

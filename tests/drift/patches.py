"""Small changes to copies of the binaries of `testdata/binaries`, of which it is known what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iced_x86 import Decoder, Mnemonic, OpKind

from probes.drift import compare
from probes.go import load
from tests import matrix

if TYPE_CHECKING:
    from pathlib import Path

    from probes.drift.facts import FunctionDrift
    from probes.go.facts import BinaryFacts
    from probes.go.table.functions import FuncTable

_BYTES = (OpKind.IMMEDIATE8, OpKind.IMMEDIATE8TO32, OpKind.IMMEDIATE8TO64)
_BRANCHES = (OpKind.NEAR_BRANCH64,)


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
    decoder = Decoder(64, code, ip=entry)
    found = []
    for raw in decoder:
        if raw.mnemonic == Mnemonic.CMP and raw.op1_kind in _BYTES:
            place = raw.ip + decoder.get_constant_offsets(raw).immediate_offset
            found.append((place, code[place - entry]))
    return found


def calls(entry: int, code: bytes) -> list[tuple[int, int]]:
    """(address of the displacement, target) of every direct call."""
    decoder = Decoder(64, code, ip=entry)
    return [
        (raw.ip + 1, raw.near_branch_target)
        for raw in decoder
        if raw.mnemonic == Mnemonic.CALL and raw.op0_kind in _BRANCHES
    ]


def operands(entry: int, code: bytes) -> list[tuple[int, int]]:
    """(offset of the 4-byte operand from the entry, target) of everything that is relative to the pc."""
    decoder = Decoder(64, code, ip=entry)
    found = []
    for raw in decoder:
        places = decoder.get_constant_offsets(raw)
        if raw.is_ip_rel_memory_operand:
            found.append((raw.ip - entry + places.displacement_offset, raw.next_ip + _i32(code, raw, entry, places)))
        elif raw.op0_kind in _BRANCHES and raw.op_count == 1 and places.immediate_size == 4:
            found.append((raw.ip - entry + places.immediate_offset, raw.near_branch_target))
    return found


def _i32(code: bytes, raw: object, entry: int, places: object) -> int:
    first = raw.ip - entry + places.displacement_offset  # type: ignore[attr-defined]
    return int.from_bytes(code[first : first + 4], "little", signed=True)

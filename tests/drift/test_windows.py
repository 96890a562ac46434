"""The windows must be a superset of all real operands: a scalar decoder is the oracle."""

from __future__ import annotations

import numpy as np
import pytest

from probes.drift.arch.amd64 import windows as windows_amd64
from probes.drift.arch.arm64 import windows as windows_arm64
from probes.drift.arch.arm64.decoder import Arm64Code
from probes.drift.arch.code import CALL
from probes.go import load
from tests import matrix
from tests.drift.patches import operands


@pytest.mark.parametrize(
    "name", ["go1.19-amd64-pie-cgo", "go1.21-amd64-exe", "go1.26-amd64-pie", "go1.27-amd64-exe", "go1.27-amd64-plugin"]
)
def test_every_amd64_operand_is_a_window(name: str) -> None:
    table = load(str(matrix.unpack(name))).functions
    assert table is not None
    seen = 0
    for row in range(0, len(table), 3):
        entry, size = int(table.entry[row]), table.size(row)
        code = table.image.bytes(entry, size)
        base = np.array([entry])
        found = windows_amd64.windows(code, code, base, base, np.array([0]))
        targets = dict(zip(found.position.tolist(), found.old.tolist(), strict=True))
        for place, target in operands(entry, code.tobytes()):
            if not table.names[row].startswith("go:"):
                assert place in targets, (table.names[row], place)
                # An immediate behind the displacement moves the target by its own size, the same on both sides.
                assert targets[place] in range(target - 8, target + 1)
                seen += 1
    assert seen > 5_000


@pytest.mark.parametrize("name", ["go1.21-arm64-exe", "go1.27-arm64-pie-cgo"])
def test_every_arm64_call_and_address_is_a_window(name: str) -> None:
    table = load(str(matrix.unpack(name))).functions
    assert table is not None
    seen = 0
    for row in range(0, len(table), 3):
        entry, size = int(table.entry[row]), table.size(row) // 4 * 4
        code = table.image.bytes(entry, size)
        base = np.array([entry])
        found = windows_arm64.windows(code, code, base, base, np.array([0]))
        targets = dict(zip(found.position.tolist(), found.old.tolist(), strict=True))
        decoded = Arm64Code(code.tobytes(), entry)
        for index, kind, target in decoded.targets():
            insn = decoded.insn(index)
            if insn.size == 8 or kind == CALL:
                assert targets[insn.offset] == target
                if insn.size == 8:
                    assert targets[insn.offset + 4] == target
                seen += 1
    assert seen > 3_000


def test_a_string_length_beside_its_pointer_is_read() -> None:
    # LEA rax, [rip+0x10]; MOV ebx, 5; RET
    code = np.frombuffer(bytes.fromhex("488d0510000000bb05000000c3"), dtype=np.uint8)
    base = np.array([0x1000])
    found = windows_amd64.windows(code, code, base, base, np.array([0]))
    assert found.need[found.position == 3].tolist() == [5]


def test_a_number_in_another_register_is_no_length() -> None:
    code = np.frombuffer(bytes.fromhex("488d0510000000b905000000c3"), dtype=np.uint8)
    base = np.array([0x1000])
    found = windows_amd64.windows(code, code, base, base, np.array([0]))
    assert found.need[found.position == 3].tolist() == [-1]


def test_code_shorter_than_an_operand_has_no_windows() -> None:
    code = np.frombuffer(b"\xe8\x00\x00", dtype=np.uint8)
    base = np.array([0x1000])
    assert windows_amd64.windows(code, code, base, base, np.array([0])).position.size == 0

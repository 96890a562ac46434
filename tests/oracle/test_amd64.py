"""amd64 code taken apart here against another decoder, iced-x86, which has tables of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from probes.drift.arch.amd64.blocks import taken_apart
from probes.drift.arch.amd64.decoder import Amd64Code
from probes.drift.arch.amd64.encoding import places
from probes.drift.arch.amd64.instruction import accessed
from probes.drift.arch.code import BRANCH, CALL
from probes.go import load
from tests import matrix

if TYPE_CHECKING:
    from collections.abc import Iterator

iced = pytest.importorskip("iced_x86", reason="iced-x86 has no wheel for this machine")

BRANCHES = {iced.OpKind.NEAR_BRANCH16, iced.OpKind.NEAR_BRANCH32, iced.OpKind.NEAR_BRANCH64}
ODD = {
    "67 0f b9 40 01": "ud1 eax, [eax+1], which a sanitizer traps with",
    "0f ff c0": "ud0",
    "66 0f 2f 1d 67 f9 23 00": "comisd of one number, not of a vector",
    "c5 f8 2e 05 10 00 00 00": "vucomiss of one number",
    "c4 c2 6d 90 24 09": "vpgatherdd at a vector of indexes",
    "62 f1 7c 58 58 44 00 04": "vaddps with a broadcast, and a displacement that is multiplied",
    "c4 e3 79 60 05 10 00 00 00 07": "vpcmpestrm at a place from RIP, with an immediate behind it",
    "81 3d 10 00 00 00 44 33 22 11": "cmp of a place from RIP with four bytes",
    "48 a1 88 77 66 55 44 33 22 11": "mov of an eight-byte address",
    "67 a1 44 33 22 11": "mov of a four-byte address",
    "66 66 48 8d 3d 10 00 00 00": "lea with prefixes, as for thread-local storage",
    "66 48 e8 10 00 00 00": "call with prefixes, as for thread-local storage",
    "f2 e9 10 00 00 00": "bnd jmp",
    "3e 74 10": "je with a hint",
    "67 e3 10": "jecxz",
    "c7 f8 10 00 00 00": "xbegin",
    "40 66 05 10 00": "a REX prefix that does not count, before add ax, imm16",
    "c8 10 00 01": "enter, with two immediates",
    "f3 48 a5": "rep movsq",
    "64 48 8b 04 25 f8 ff ff ff": "mov from thread-local storage",
    "8f 04 24": "pop, whose opcode is also that of XOP",
    "0f 0f c1 9e": "pfadd, whose opcode is behind the operands",
    "42 8b 04 25 44 33 22 11": "mov from base-less SIB",
}


def _both(code: bytes) -> Iterator[tuple[int, object, object, int]]:
    """Index, iced's instruction with its decoder, and the row of the same instruction here; fails where they differ."""
    decoder = iced.Decoder(64, code, ip=0)
    found = taken_apart(code, texts=True)
    raws = list(decoder)
    assert [raw.ip for raw in raws] == found.starts.tolist()
    again = iced.Decoder(64, code, ip=0)
    for row, raw in enumerate(raws):
        again.position, again.ip = raw.ip, raw.ip
        yield row, raw, again.get_constant_offsets(again.decode()), found


def _same(code: bytes) -> None:
    for row, raw, offsets, found in _both(code):
        said = (str(raw), code[raw.ip : raw.next_ip].hex())
        fields, one = found.fields, places(code[raw.ip : raw.next_ip])
        displacement = int(fields.displacement[row]) - raw.ip, int(fields.displacement_size[row])
        immediate = int(fields.immediate[row]) - raw.ip, int(fields.immediate_size[row])
        assert (one.displacement, one.immediate - one.displacement, one.immediate) == (*displacement, immediate[0]), (
            said
        )
        assert (one.relative, one.branch) == (bool(fields.relative[row]), bool(fields.branch[row])), said
        assert one.relative == raw.is_ip_rel_memory_operand, said
        assert one.branch == (raw.op0_kind in BRANCHES), said
        if offsets.has_displacement:
            assert displacement == (offsets.displacement_offset, offsets.displacement_size), said
        else:
            assert not displacement[1], said
        if offsets.has_immediate:
            assert immediate == (offsets.immediate_offset, offsets.immediate_size + offsets.immediate_size2), said
        if one.relative and not found.lea[row]:
            assert accessed(*found.texts[row]) in {iced.MemorySizeExt.size(raw.memory_size), 0}, said


@pytest.mark.parametrize("entry", matrix.quick(matrix.select(goarch="amd64")), ids=str)
def test_the_code_of_the_fixtures(entry: matrix.Entry) -> None:
    facts = load(str(entry.path))
    table = facts.functions
    assert table is not None
    step = max(len(table) // 150, 1)
    for row in range(0, len(table), step):
        _same(facts.image.bytes(int(table.entry[row]), table.size(row)).tobytes())


@pytest.mark.parametrize("code", ODD, ids=lambda code: ODD[code].replace(" ", "-"))
def test_instructions_that_are_seldom_met(code: str) -> None:
    _same(bytes.fromhex(code) + b"\x90")


def test_targets_are_those_of_the_other_decoder() -> None:
    entry = matrix.select(goarch="amd64")[0]
    facts = load(str(entry.path))
    table = facts.functions
    assert table is not None
    calls = jumps = 0
    for row in range(0, len(table), 50):
        address = int(table.entry[row])
        code = facts.image.bytes(address, table.size(row)).tobytes()
        expected = {
            at: raw.ip_rel_memory_address if raw.is_ip_rel_memory_operand else raw.near_branch_target
            for at, raw in enumerate(iced.Decoder(64, code, ip=address))
            if raw.is_ip_rel_memory_operand or raw.op0_kind in BRANCHES
        }
        found = Amd64Code(code, address)
        assert {at: target for at, _, target in found.targets()} == expected
        assert {at: found.insn(at).target for at in expected} == expected
        calls += sum(kind == CALL for _, kind, _ in found.targets())
        jumps += sum(kind == BRANCH for _, kind, _ in found.targets())
    assert calls > 100
    assert jumps > 100

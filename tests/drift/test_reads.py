"""How much of a constant is read: the code that Go made of `a := [64]int64{...}`, and its relatives by hand."""

from __future__ import annotations

import pytest

from probes.drift.addresses.bytes_read import Duff, bytes_read
from probes.drift.arch.amd64.decoder import Amd64Code
from probes.drift.arch.arm64.decoder import Arm64Code
from probes.drift.arch.arm64.loads import load
from probes.drift.arch.code import TO_NEXT

NO_DUFF = Duff(0, 0, 14, 6)

AMD64_LOOP = (  # LEAQ 8(SP), AX; LEAQ table, CX; MOVL $8, DX; four times MOVUPS; ADDQ $64 to both; DECL DX; JNE
    "488d442408 488d0db7e40000 ba08000000 440f1031 440f1130 440f107110 440f117010 440f107120 440f117020 440f107130"
    "440f117030 4883c140 4883c040 0f1f4000 ffca 75ca 488b0dbdb20b00"
)
ARM64_LOOP = (  # ADD $16, RSP, R0; ADRP, ADD: table in R1; ORR $8, ZR, R24; twice FLDPQ.P 32; SUB $1, R24; CBNZ
    "e0430091 61000 0b0 21000191 f8037db2 3044c1ac 104481ac 3044c1ac 104481ac 180700d1 78ffffb5 db0500f0"
)
AMD64_DUFF = (  # LEAQ 24(SP), DI; LEAQ table, SI; MOVQ BP, -16(SP); LEAQ -16(SP), BP; CALL duffcopy+448
    "488d7c2418 488d358bdd0200 48896c24f0 488d6c24f0 e84ca8ffff"
)


def _code(text: str) -> bytes:
    return bytes.fromhex(text.replace(" ", ""))


def _amd64(text: str, address: int) -> Amd64Code:
    code = Amd64Code(_code(text), address)
    assert code.valid  # decodes it all
    return code


def test_a_loop_reads_as_often_as_its_counter_says() -> None:
    assert bytes_read(_amd64(AMD64_LOOP, 0x482F9D), 1, NO_DUFF) == (512, False)
    assert bytes_read(Arm64Code(_code(ARM64_LOOP), 0x8D4E0), 1, NO_DUFF) == (512, False)


def test_what_follows_a_loop_is_read_behind_it() -> None:
    tail = AMD64_LOOP.replace("488b0dbdb20b00", "440f107110")  # MOVUPS 16(CX), X14
    assert bytes_read(_amd64(tail, 0x482F9D), 1, NO_DUFF) == (512 + 32, False)


@pytest.mark.parametrize(("at", "expected"), [(0, 1024), (14 * 32, 512), (14 * 63, 16)])
def test_duffcopy_copies_from_where_it_is_entered(at: int, expected: int) -> None:
    address = 0x45EE39
    code = _amd64(AMD64_DUFF, address)
    call = next(target for _, kind, target in code.targets() if kind == 4)
    assert bytes_read(code, 1, Duff(call - at, call - at + 897, 14, 6)) == (expected, False)


def test_a_call_between_two_blocks_of_duffcopy_tells_nothing() -> None:
    code = _amd64(AMD64_DUFF, 0x45EE39)
    call = next(target for _, kind, target in code.targets() if kind == 4)
    assert bytes_read(code, 1, Duff(call - 15, call + 882, 14, 6)) == (-1, False)
    assert bytes_read(code, 1, NO_DUFF) == (-1, False)


def test_rep_movsq_reads_what_its_counter_says() -> None:
    code = _amd64("488d3510000000 b920000000 f348a5", 0x1000)  # LEAQ table, SI; MOVL $32, CX; REP MOVSQ
    assert bytes_read(code, 0, NO_DUFF) == (256, False)


def test_a_read_at_an_index_has_no_end_of_its_own() -> None:
    code = _amd64("488d1510000000 488b14ca", 0x1000)  # LEAQ table, DX; MOVQ (DX)(CX*8), DX
    assert bytes_read(code, 0, NO_DUFF) == (TO_NEXT, False)


def test_the_register_is_not_followed_beyond_its_next_value() -> None:
    code = _amd64("488d0d10000000 488b01 488b0a 488b4140", 0x1000)  # LEAQ t, CX; (CX); MOVQ (DX), CX; 64(CX)
    assert bytes_read(code, 0, NO_DUFF) == (8, False)


def test_the_assemblers_scratch_register_is_read_once() -> None:
    code = Arm64Code(_code("db0d00b0 7b032a91 601340a9"), 0x55000)  # ADRP, ADD: t in R27; LDP (R27), (R0, R4)
    assert bytes_read(code, 0, NO_DUFF) == (16, True)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (0xF9400C41, (2, 24, 8, 0, False)),  # LDR X1, [X2, #24]
        (0xB8404441, (2, 0, 4, 4, False)),  # LDR W1, [X2], #4
        (0xF8408C41, (2, 8, 8, 8, False)),  # LDR X1, [X2, #8]!
        (0xF8627841, (2, 0, 8, 0, True)),  # LDR X1, [X2, X2, LSL #3]
        (0x3DC00441, (2, 16, 16, 0, False)),  # LDR Q1, [X2, #16]
        (0xACC14430, (1, 0, 32, 32, False)),  # LDP Q16, Q17, [X1], #32
        (0xA9400C02, (0, 0, 16, 0, False)),  # LDP X2, X3, [X0]
        (0x8B020C41, (2, 0, 0, 0, True)),  # ADD X1, X2, X2, LSL #3
    ],
)
def test_arm64_loads(word: int, expected: tuple[int, int, int, int, bool]) -> None:
    found = load(word)
    assert found is not None
    assert (found.base, found.offset, found.size, found.step, found.indexed) == expected


@pytest.mark.parametrize("word", [0xF9000C41, 0xAC814410, 0xA9000C02, 0x91000421, 0xD503201F])  # stores, ADD, NOP
def test_what_loads_nothing(word: int) -> None:
    assert load(word) is None

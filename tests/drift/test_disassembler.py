"""Blocks of instructions, and what happens without the library that decodes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from probes.drift.arch import disassembler
from probes.drift.arch.amd64.blocks import engine

if TYPE_CHECKING:
    from pathlib import Path

CODE = bytes.fromhex("90 06 4889d8 0f0b")  # NOP; no instruction in 64-bit mode; MOV; UD2


def test_bytes_that_are_no_instruction_are_one_each() -> None:
    block = engine().block(CODE, 0, 10, texts=True)
    assert list(block.starts) == [0, 1, 2, 5]
    assert list(block.sizes) == [1, 1, 3, 2]
    assert [mnemonic for mnemonic, _ in block.texts] == ["nop", "", "mov", "ud2"]
    assert [number == engine().INVALID for number in block.ids] == [False, True, False, False]


def test_decoding_goes_on_where_it_ended() -> None:
    first = engine().block(CODE, 0, 2)
    assert list(first.starts) == [0, 1]
    assert list(engine().block(CODE, 2, 2).starts) == [2, 5]
    assert list(engine().block(CODE, len(CODE), 2).starts) == []


def test_an_instruction_that_is_cut_off_is_none() -> None:
    assert [number == engine().INVALID for number in engine().block(CODE[:4], 2, 2).ids] == [True, True]
    assert engine().text(b"\x48", 0) == (0, "", "")


def test_no_code_at_all() -> None:
    assert list(engine().block(b"", 0, 5).starts) == []


@pytest.fixture
def anew() -> None:
    """Load the library again, and once more behind the test."""
    disassembler._library.cache_clear()
    yield
    disassembler._library.cache_clear()


@pytest.mark.usefixtures("anew")
class TestWithoutTheLibrary:
    def test_it_is_not_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(disassembler, "_path", lambda: "")
        with pytest.raises(disassembler.NoDisassembler, match="not installed") as caught:
            disassembler.Disassembler(3, 8)
        assert "pip install" in caught.value.hint

    def test_it_is_something_else(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        path = tmp_path / "libcapstone.so.5"
        path.write_bytes(b"\x7fELF, but no more")
        monkeypatch.setattr(disassembler, "_path", lambda: str(path))
        with pytest.raises(disassembler.NoDisassembler, match="cannot be loaded"):
            disassembler.Disassembler(3, 8)

    def test_it_is_of_another_version(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(disassembler, "_MAJOR", 4)
        with pytest.raises(disassembler.NoDisassembler, match="the library of capstone 5, where 4 is needed"):
            disassembler.Disassembler(3, 8)


def test_a_function_of_any_length_is_decoded_in_pieces() -> None:
    code = bytes.fromhex("4889d8") * 40_000 + b"\x06" + bytes.fromhex("4889d8") * 5
    block = engine().block(code, 0, len(code))
    assert len(block.starts) == 40_006
    assert list(block.starts[:3]) == [0, 3, 6]
    assert [at for at, number in zip(block.starts, block.ids, strict=True) if number == engine().INVALID] == [120_000]
    assert len(engine().block(code, 0, 20_000).starts) == 20_000

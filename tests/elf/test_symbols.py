from __future__ import annotations

import struct

import numpy as np
import pytest

from probes.elf.string_table import strings_at
from probes.elf.symbols import EMPTY, SYM, SymbolTable
from probes.errors import MalformedElf, MalformedTable
from probes.go import load
from tests import matrix
from tests.made_elf import damaged, facts


def table(strings: bytes, *names: int) -> SymbolTable:
    raw = np.zeros(len(names), dtype=SYM)
    raw["name"] = names
    raw["value"] = 10 * np.arange(len(names))
    raw["info"] = 0x12
    return SymbolTable(raw, strings)


def test_names_by_index() -> None:
    symbols = table(b"\0main.main\0caf\xc3\xa9\0open", 0, 1, 11, 6, 17, 99, 0xFFFFFFFF)
    wanted = ["", "main.main", "café", "main", "", "", ""]
    assert [symbols.name(i) for i in range(len(symbols))] == wanted
    assert symbols.names(np.arange(len(symbols))) == wanted
    assert symbols.find("main.main", "main", "gone") == {"main.main": 1}
    assert (symbols.kind.tolist()[0], symbols.binding.tolist()[0]) == (2, 1)
    assert len(EMPTY) == 0
    assert EMPTY.names(np.zeros(0, dtype=np.int64)) == []


def test_a_name_that_occurs_in_the_strings_only_is_no_symbol() -> None:
    assert table(b"\0a\0b\0", 1).find("b") == {}


def test_names_larger_than_their_table_are_refused() -> None:
    blob = b"\0" + b"x" * 100_000 + b"\0"
    with pytest.raises(MalformedTable, match="far larger"):
        strings_at(blob, np.arange(1, 1000, dtype=np.int64), path="file")


def test_strings_of_an_empty_table() -> None:
    for blob in (b"", b"abc"):
        names, good = strings_at(blob, np.array([0, 1, -1], dtype=np.int64))
        assert names == ["", "", ""]
        assert not good.any()


@pytest.mark.parametrize("entry", matrix.select(stripped=False), ids=str)
def test_all_names_at_once_are_those_one_by_one(entry) -> None:
    symbols = facts(entry.name).symtab
    rows = np.arange(0, len(symbols), 17)
    assert symbols.names(rows) == [symbols.name(int(row)) for row in rows]
    assert symbols.find("runtime.main" if entry.buildmode == "exe" else "runtime.text")


@pytest.mark.parametrize(
    ("field", "raw"), [(56, struct.pack("<Q", 7)), (40, b"\xff\xff\xff\xff"), (4, struct.pack("<I", 8))]
)
def test_a_symbol_table_of_another_shape_is_refused(tmp_path, field: int, raw: bytes) -> None:
    name = "go1.27-amd64-exe"
    content = matrix.unpack(name).read_bytes()
    index = [s.name for s in facts(name).image.elf.sections].index(".symtab")
    header = struct.unpack_from("<Q", content, 40)[0] + 64 * index
    with pytest.raises(MalformedElf, match=r"\.symtab"):
        load(str(damaged(tmp_path, name, (header + field, raw))))

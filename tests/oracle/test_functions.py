"""Function names, entries and lines against what Go's own tools read from the same file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from probes.go import load
from tests import matrix
from tests.oracle import gotools

if TYPE_CHECKING:
    from pathlib import Path

    from probes.go.table.functions import FuncTable
    from tests.matrix import Entry

WITH_SYMBOLS = matrix.select(stripped=False)

# The linker's own: labels of the text that are no functions, and functions without tables of lines.
LABEL = "runtime.text"
LINKER_FUNCTIONS = "go:"
# In plugins the linker replaces the names of symbols of types by a digest; the function table keeps them.
MANGLED = re.compile(r"^type:\.[\w+/]{8}$")


def table_of(path: Path) -> FuncTable:
    table = load(str(path)).functions
    assert table is not None
    return table


@pytest.mark.parametrize("entry", matrix.quick(WITH_SYMBOLS), ids=str)
def test_every_function_is_a_symbol_of_that_name(entry: Entry, go_toolchain: Path) -> None:
    symbols: dict[int, set[str]] = {}
    for address, name in gotools.text_symbols(go_toolchain, entry.path):
        symbols.setdefault(address, set()).add(gotools.table_name(name, entry.minor))
    table = table_of(entry.path)
    wrong = [
        (hex(address), name, symbols.get(address))
        for address, name in zip(table.entry.tolist(), table.names, strict=True)
        if gotools.symbol_name(name) not in symbols.get(address, ())
        and not (entry.buildmode == "plugin" and any(map(MANGLED.match, symbols.get(address, ()))))
    ]
    assert len(table) > 1000
    assert wrong == []


@pytest.mark.parametrize("entry", matrix.quick(WITH_SYMBOLS), ids=str)
def test_every_go_symbol_is_a_function(entry: Entry, go_toolchain: Path) -> None:
    table = table_of(entry.path)
    known = set(zip(table.entry.tolist(), map(gotools.symbol_name, table.names), strict=True))
    low, high = int(table.entry[0]), int(table.end[-1])
    missing = [
        (hex(address), name)
        for address, name in gotools.text_symbols(go_toolchain, entry.path)
        if low <= address < high
        and ("." in name or name.startswith("type:"))
        and name.removeprefix("local.") != LABEL
        and (address, gotools.table_name(name, entry.minor)) not in known
        and not (entry.buildmode == "plugin" and MANGLED.match(gotools.table_name(name, entry.minor)))
    ]
    assert missing == []


@pytest.mark.parametrize("entry", matrix.quick(WITH_SYMBOLS), ids=str)
def test_lines_are_those_of_addr2line(entry: Entry, go_toolchain: Path) -> None:
    table = table_of(entry.path)
    addresses = []
    for start, end in zip(table.entry.tolist(), table.end.tolist(), strict=True):
        step = max(table.quantum, (end - start) // 6 // table.quantum * table.quantum)
        addresses += range(start, end, step)
    answers = gotools.lines(go_toolchain, entry.path, addresses)
    wrong = []
    compared = 0
    for address, (function, file, line) in zip(addresses, answers, strict=True):
        # Padding has no line; addr2line says -1.
        if function.startswith(LINKER_FUNCTIONS) or line <= 0:
            continue
        compared += 1
        if table.line(address) != (file, line):
            wrong.append((hex(address), function, f"{file}:{line}", table.line(address)))
    assert compared > len(addresses) * 2 / 3
    assert wrong[:20] == []


TWINS = [
    (entry, twin)
    for entry in matrix.select(stripped=True)
    for twin in matrix.entries()
    if twin.name == entry.name.removesuffix("-stripped")
]


@pytest.mark.parametrize(("stripped", "full"), TWINS, ids=[str(stripped) for stripped, _ in TWINS])
def test_stripping_loses_nothing(stripped: Entry, full: Entry) -> None:
    one, other = table_of(stripped.path), table_of(full.path)
    assert one.names == other.names
    assert (one.entry - one.entry[0]).tolist() == (other.entry - other.entry[0]).tolist()
    for index in range(0, len(one), 7):
        middle = int(one.size(index)) // 2
        assert one.line(int(one.entry[index]) + middle) == other.line(int(other.entry[index]) + middle)


def test_there_is_a_stripped_binary_of_every_layout() -> None:
    assert {stripped.minor for stripped, _ in TWINS} >= {19, 21, 25, 26, 27}

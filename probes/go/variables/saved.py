"""Package variables written down for a time when the file is not at hand: size, and the type where DWARF tells."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from probes.errors import MalformedTable
from probes.go.facts import BinaryFacts
from probes.go.variables.table import VariableTable, read_variables

DIGITS = 16
"""Hexadecimal digits of a fingerprint."""


class SavedVariable(Struct, frozen=True):
    """One variable: `size` in bytes; `type` is its type's name, "" where it is not known.

    `fingerprint` is of the type with all that it holds by value; what named function types take is not in it, which
    linkers write in different ways.
    """

    size: int
    type: str = ""
    fingerprint: str = ""


class SavedVariables(Struct, frozen=True):
    """Those variables of a file that were asked for and are there; `problem`: why their types are not known."""

    variables: dict[str, SavedVariable]
    problem: str = ""
    damaged: bool = False


def save_variables(facts: BinaryFacts, names: Iterable[str]) -> SavedVariables:
    """The variables `names` of an unstripped file.

    Raises:
        MalformedTable: the symbol table's names cannot be read, or there are none.
    """
    if facts.symtab is None or facts.module is None:
        what = "it has no ELF symbol table (stripped)" if facts.symtab is None else "its module data was not found"
        raise MalformedTable(what, subject=facts.path)
    table = read_variables(facts.image, facts.symtab, facts.module)
    by_name = {name.replace("%2e", "."): row for row, name in enumerate(table.names)}
    plain_names = {name: name.replace("%2e", ".") for name in names}
    rows = {name: by_name[plain] for name, plain in plain_names.items() if plain in by_name}
    plain = {name: SavedVariable(int(table.size[row])) for name, row in sorted(rows.items())}
    if not facts.has_dwarf:
        return SavedVariables(plain, "the file has no DWARF")
    try:
        return SavedVariables(_typed(facts, table, rows))
    except MalformedTable as exc:
        return SavedVariables(plain, exc.what, damaged=True)


def _typed(facts: BinaryFacts, table: VariableTable, rows: dict[str, int]) -> dict[str, SavedVariable]:
    from probes.go.variables.types import VariableTypes  # noqa: PLC0415 - most programs in production have no DWARF

    types = VariableTypes(facts, table)
    out = {}
    for name, row in sorted(rows.items()):
        shape = types.shape(row)
        digest = "" if shape is None else shape.digest.hex()[:DIGITS]
        out[name] = SavedVariable(int(table.size[row]), "" if shape is None else shape.name, digest)
    return out

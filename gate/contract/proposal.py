"""Propose a contract: the program's own types that look as if they were handed over, as TOML for a person to cut down."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from msgspec import Struct

from probes.errors import MalformedTable

if TYPE_CHECKING:
    from probes.go.facts import BinaryFacts
    from probes.go.types.table import TypeTable

MAX_LISTED = 200
HEAD = """\
# Proposed for {path}.
# `state` names the types that OLD hands over to NEW, each with its codec: memory, gob, json or protobuf. Nothing in a
# binary says what is handed over: keep what is, delete the rest, and add what is missing.
"""


class _Candidate(Struct, frozen=True):
    name: str
    codec: str
    reason: str


def propose(facts: BinaryFacts) -> str:
    """The proposal for one binary, as a `[contract]` table.

    Raises:
        MalformedTable: its types cannot be read.
    """
    if facts.types is None:
        raise MalformedTable("its types cannot be read", subject=facts.path)
    table = facts.types.read()
    module = facts.build.main.path if facts.build and facts.build.main else None
    structs, interfaces = _own(table, module)
    sure = [found for row in structs if (found := _encoded(table, row)) is not None]
    rest = [table.name(row) for row in structs if _encoded(table, row) is None]
    lines = [HEAD.format(path=facts.path), "[contract]", "interfaces = []"]
    lines += _commented([f"    {json.dumps(table.name(row))}," for row in interfaces], "interfaces of this program")
    lines.append("globals = []")
    variables = [f"    {json.dumps(name)}," for name in _variables(facts, module)]
    lines += _commented(variables, "variables of this program that hold maps, slices, pointers or interfaces")
    lines += ["", "[contract.state]"]
    lines += [f"{json.dumps(each.name)} = {json.dumps(each.codec)}  # {each.reason}" for each in sure[:MAX_LISTED]]
    lines += _commented([f'{json.dumps(name)} = "memory"' for name in rest], "other structs of this program")
    return "\n".join(lines) + "\n"


def _variables(facts: BinaryFacts, module: str | None) -> list[str]:
    """The program's own package variables that hold pointers, by name; a stripped file has no names for them."""
    from probes.go.variables.table import read_variables

    if facts.symtab is None or facts.module is None:
        return []
    table = read_variables(facts.image, facts.symtab, facts.module)
    found = (table.variable(row) for row in range(len(table)))
    return sorted(each.name for each in found if each.kind in {"data", "bss"} and _is_own(each.package, module))


def _is_own(package: str, module: str | None) -> bool:
    return package == "main" or (module is not None and (package == module or package.startswith(f"{module}/")))


def _own(table: TypeTable, module: str | None) -> tuple[list[int], list[int]]:
    """Rows of the program's own named structs and interfaces, by name; generic instances and local types left out."""
    structs: list[int] = []
    interfaces: list[int] = []
    for row, (name, named) in enumerate(zip(table.base, table.named.tolist(), strict=True)):
        package = name.rpartition(".")[0]
        if not named or not _is_own(package, module) or "[" in name or table.full_names[row] != name:
            continue
        kind = table.kind_name(row)
        if kind in {"struct", "interface"}:
            (structs if kind == "struct" else interfaces).append(row)
    return sorted(structs, key=table.name), sorted(interfaces, key=table.name)


def _encoded(table: TypeTable, row: int) -> _Candidate | None:
    """What a type's tags and methods say about how it is written; None when nothing."""
    from probes.drift.types.changes import encoders

    methods = encoders(table, row)
    tags = " ".join(field.tag for field in table.fields_of(row))
    for codec, marks, tag in (
        ("protobuf", {"ProtoReflect"}, "protobuf:"),
        ("gob", {"GobEncode", "GobDecode"}, "gob:"),
        ("json", {"MarshalJSON", "UnmarshalJSON"}, "json:"),
    ):
        found = marks & set(methods)
        if found:
            return _Candidate(table.name(row), codec, f"has {' and '.join(sorted(found))}")
        if tag in tags:
            return _Candidate(table.name(row), codec, f"its fields have {tag.rstrip(':')} tags")
    return None


def _commented(lines: list[str], what: str) -> list[str]:
    if not lines:
        return []
    more = [f"# and {len(lines) - MAX_LISTED:,} more"] if len(lines) > MAX_LISTED else []
    return [f"# {what}:", *(f"# {line}" for line in lines[:MAX_LISTED]), *more]

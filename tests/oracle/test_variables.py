"""Package variables held against `go tool nm`, and against the debugger's information in the same file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from elftools.elf.elffile import ELFFile

from probes.go import load
from probes.go.variables.table import Variable, read_variables
from tests import matrix
from tests.oracle.gotools import run_tool

if TYPE_CHECKING:
    from pathlib import Path

# A package's path, and a Go identifier: what the compiler makes has a second dot, `·`, `:` or brackets.
NAME = re.compile(r"(?:[^:\[\s]*/)?[^/.:\[\s]+\.\w+", re.ASCII)
LINKER_MADE = {"runtime.firstmoduledata", "local.moduledata"}
NO_VARIABLES = {*LINKER_MADE, "completed.0", "runtime.tlsg", "runtime.tls_g"}  # of C's start code; thread-local


def variables(path: Path) -> list[Variable]:
    facts = load(str(path), examine=False)
    assert facts.symtab is not None
    assert facts.module is not None
    return list(read_variables(facts.image, facts.symtab, facts.module))


def constant_ranges(path: Path) -> list[tuple[int, int]]:
    """Where nm says data and nothing is a variable: constants with addresses in them, the linker's own."""
    with path.open("rb") as file:
        sections = [
            s for s in ELFFile(file).iter_sections() if s.name.startswith((".data.rel.ro", ".go.", ".init_array"))
        ]
        return [(s["sh_addr"], s["sh_addr"] + s["sh_size"]) for s in sections]


@pytest.mark.parametrize("entry", matrix.quick(matrix.select(stripped=False)), ids=str)
def test_names_and_sizes_are_those_of_nm(entry, go_toolchain: Path) -> None:
    constants = constant_ranges(entry.path)
    wanted = set()
    for line in run_tool(go_toolchain, "tool", "nm", "-size", str(entry.path)).splitlines():
        fields = line.split(maxsplit=3)
        if len(fields) == 4 and fields[2] in "DdBb" and int(fields[1]) > 0:
            address, size, name = int(fields[0], 16), int(fields[1]), fields[3]
            in_constants = any(start <= address < end for start, end in constants)
            if NAME.fullmatch(name) and name not in NO_VARIABLES and not in_constants:
                wanted.add((name, address, size))
    ours = {(v.name, v.address, v.size) for v in variables(entry.path) if "." in v.name and v.name not in NO_VARIABLES}
    assert ours == wanted
    assert len(wanted) > 200


def dwarf_variables(path: Path) -> dict[str, tuple[int, int | None]]:
    """Name -> (address, size) of every DW_TAG_variable with a fixed address; the size is None where none is said."""
    found = {}
    with path.open("rb") as file:
        for unit in ELFFile(file).get_dwarf_info().iter_CUs():
            for die in unit.get_top_DIE().iter_children():
                location = die.attributes.get("DW_AT_location")
                if die.tag != "DW_TAG_variable" or location is None or location.value[0] != 3:  # DW_OP_addr
                    continue
                address = int.from_bytes(bytes(location.value[1:9]), "little")
                kind = die.get_DIE_from_attribute("DW_AT_type")
                while kind.tag == "DW_TAG_typedef":
                    kind = kind.get_DIE_from_attribute("DW_AT_type")
                size = kind.attributes.get("DW_AT_byte_size")
                found[die.attributes["DW_AT_name"].value.decode()] = address, size and size.value
    return found


def test_all_variables_of_dwarf_are_found_with_their_sizes() -> None:
    path = matrix.unpack("go1.27-amd64-exe-dwarf")
    ours = {v.name: (v.address, v.size) for v in variables(path)}
    dwarf = dwarf_variables(path)
    named = {name: place for name, place in dwarf.items() if "." in name and name not in LINKER_MADE}
    assert {n: ours.get(n, (0, 0))[0] for n in named} == {n: address for n, (address, _) in named.items()}
    sized = {name: size for name, (_, size) in named.items() if size}
    assert {name: ours[name][1] for name in sized} == sized
    assert len(sized) > 250
    assert {name for name in ours if name not in dwarf} == set()

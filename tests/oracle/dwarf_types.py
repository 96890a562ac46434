"""Structs as DWARF has them: name -> (size, ((field, offset), ...))."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elftools.elf.elffile import ELFFile

if TYPE_CHECKING:
    from pathlib import Path

Struct = tuple[int, tuple[tuple[str, int], ...]]
_PLACED = {"DW_AT_name", "DW_AT_data_member_location"}
"""What a field of Go has; C's unions and bit fields may lack one."""


def structs(binary: Path) -> dict[str, Struct]:
    """All structs with a name and a size."""
    found: dict[str, Struct] = {}
    with binary.open("rb") as file:
        for unit in ELFFile(file).get_dwarf_info().iter_CUs():
            for die in unit.get_top_DIE().iter_children():
                if die.tag != "DW_TAG_structure_type" or not {"DW_AT_name", "DW_AT_byte_size"} <= die.attributes.keys():
                    continue
                fields = tuple(
                    (
                        child.attributes["DW_AT_name"].value.decode(),
                        child.attributes["DW_AT_data_member_location"].value,
                    )
                    for child in die.iter_children()
                    if child.tag == "DW_TAG_member" and child.attributes.keys() >= _PLACED
                )
                found[die.attributes["DW_AT_name"].value.decode()] = die.attributes["DW_AT_byte_size"].value, fields
    return found

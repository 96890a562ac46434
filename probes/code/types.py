"""What readers of code need of the type descriptors."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from probes.code.program import Program
from probes.elf.image import I64
from probes.errors import MalformedTable
from probes.go.types.roots import itabs
from probes.go.types.table import Field, TypeTable


class Types:
    """The types of one program, by address."""

    def __init__(self, program: Program) -> None:
        """Raises MalformedTable: there are none, or they cannot be read."""
        if program.facts.types is None:
            raise MalformedTable("its types are not known", subject=program.facts.path)
        self.program = program
        self.table: TypeTable = program.facts.types.read()

    def row(self, address: int) -> int:
        """The type at `address`, -1 for none."""
        if not 0 <= address < 1 << 63:
            return -1
        at = int(np.searchsorted(self.table.address, address))
        return at if at < len(self.table) and int(self.table.address[at]) == address else -1

    def named(self, name: str) -> int:
        """The type with the full name `name`, -1 for none."""
        return self.table.find(name)

    def element(self, row: int) -> int:
        """What a pointer, slice or array holds."""
        return int(self.table.elem[row])

    def kind(self, row: int) -> str:
        """The kind of a type, as reflect spells it."""
        return self.table.kind_name(row)

    def fields(self, row: int) -> tuple[Field, ...]:
        """The fields of a struct."""
        return self.table.fields_of(row)

    def offset(self, row: int, name: str) -> int:
        """Where a field is in a struct, -1 without it."""
        return next((each.offset for each in self.fields(row) if each.name == name), -1)

    def of_value(self, itab: object) -> str:
        """The name of the type behind the address of an itab, "" where that is not known."""
        address = self.program.word(itab + 8) if isinstance(itab, int) else None
        row = self.row(address) if address is not None else -1
        return self.table.strings[row] if row >= 0 else ""

    def has_method(self, itab: object, name: str) -> bool:
        """Whether the type behind an itab has a method."""
        address = self.program.word(itab + 8) if isinstance(itab, int) else None
        row = self.row(address) if address is not None else -1
        return row >= 0 and any(method.name == name for method in self.table.methods_of(row))

    @cached_property
    def itabs(self) -> I64:
        """Addresses of the itabs that the linker made."""
        module = self.program.facts.module
        return np.zeros(0, dtype=np.int64) if module is None else itabs(self.program.image, module)

    def implementations(self, interface: str) -> dict[int, int]:
        """For the interface with that full name: itab -> row of the concrete type."""
        row = self.named(interface)
        if row < 0:
            return {}
        wanted = int(self.table.address[row])
        found = {}
        for itab in self.itabs.tolist():
            if self.program.word(itab) == wanted:
                concrete = self.row(self.program.word(itab + 8) or 0)
                if concrete >= 0:
                    found[itab] = concrete
        return found

"""Facts that are slow to read, and are read on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.elf.image import Image
from probes.errors import MalformedTable
from probes.go.module.moduledata import ModuleData

if TYPE_CHECKING:
    from probes.go.types.table import TypeTable


class TypesOnDemand:
    """The types of one file; the first `read` decodes them, later ones give the same table."""

    __slots__ = ("_failure", "_image", "_minor", "_module", "_table")

    def __init__(self, image: Image, module: ModuleData, minor: int | None) -> None:
        self._image, self._module, self._minor = image, module, minor
        self._table: TypeTable | None = None
        self._failure: MalformedTable | None = None

    def read(self) -> TypeTable:
        """The table.

        Raises:
            MalformedTable: the descriptors cannot be read, or not be verified.
        """
        from probes.go.types.reading import read_types  # noqa: PLC0415 - a plain check needs none of it

        if self._failure is not None:
            raise self._failure
        if self._table is None:
            try:
                self._table = read_types(self._image, self._module, self._minor)
            except MalformedTable as exc:
                self._failure = exc
                raise
        return self._table

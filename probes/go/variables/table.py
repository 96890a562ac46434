"""The package variables of an unstripped file, from its ELF symbol table.

The compiler gives every package variable a symbol `package.name` and the linker puts it into one of four sections, by
whether it holds pointers and whether it has an initial value (cmd/link/internal/ld/data.go, dodata). The module data
holds the ends of the four: what lies between is Go's, also where the C linker put C variables into the same section.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from probes.elf.headers import SHF_ALLOC, SHF_WRITE
from probes.elf.image import I64, U64, Image
from probes.elf.symbols import STT_OBJECT, SymbolTable
from probes.go.module.moduledata import ModuleData

KINDS = ("noptrdata", "data", "bss", "noptrbss")
"""Go's sections of variables: with an initial value or zero, without pointers (`noptr`) or with them."""

SHF_TLS = 0x400
SHT_NOBITS = 8

_NO_VARIABLES = (".go.", ".data.rel.ro", ".got", ".dynamic", ".init_array", ".fini_array", ".preinit_array")
"""Sections that can be written to and hold none: the linkers' own, and constants with addresses in them."""

_LINKER_MADE = frozenset({"runtime.firstmoduledata", "local.moduledata", "runtime.covctrs", "runtime.ecovctrs"})


class Variable(Struct, frozen=True):
    """One variable: `package` is an import path, or `C`; `kind` is one of `KINDS`; address as the file has it; bytes."""

    name: str
    package: str
    address: int
    size: int
    kind: str


class VariableTable:
    """The variables of one file in the order of their addresses.

    `names` and `packages` have the same length as the columns `address` and `size` (uint64) and `kind` (index in `KINDS`),
    shape (n,). A name may occur more than once: C has a namespace for each file.
    """

    __slots__ = ("address", "kind", "names", "packages", "size")

    def __init__(
        self, names: list[str], packages: list[str], address: U64, size: U64, kind: npt.NDArray[np.uint8]
    ) -> None:
        self.names = names
        self.packages = packages
        self.address = address
        self.size = size
        self.kind = kind

    def __len__(self) -> int:
        return len(self.names)

    def variable(self, row: int) -> Variable:
        """The variable at `row`."""
        return Variable(
            self.names[row],
            self.packages[row],
            int(self.address[row]),
            int(self.size[row]),
            KINDS[self.kind[row]],
        )

    def __iter__(self) -> Iterator[Variable]:
        return map(self.variable, range(len(self)))


def read_variables(image: Image, symtab: SymbolTable, module: ModuleData) -> VariableTable:
    """The package variables that `symtab` names, and the variables of C files under the package `C`.

    Left out: what the compiler and the linker make for themselves, and variables without a size (`struct{}`), which
    hold nothing.

    Raises:
        MalformedTable: the names are far larger than the string table that holds them.
    """
    rows = np.flatnonzero((symtab.kind == STT_OBJECT) & (symtab.size > 0))
    rows = rows[_in_variable_section(image, symtab.section[rows])]
    address = symtab.value[rows]
    kind = np.full(rows.shape, len(KINDS), dtype=np.uint8)
    for index, (start, end) in enumerate((*module.data, *module.bss)):
        kind[(address >= start) & (address < end)] = index
    names: list[str] = []
    packages: list[str] = []
    keep: list[int] = []
    foreign = (kind == len(KINDS)).tolist()
    for at, name in enumerate(symtab.names(rows)):
        package = "C" if foreign[at] else _package(name)
        if package and name:
            names.append(name)
            packages.append(package)
            keep.append(at)
    chosen = np.array(keep, dtype=np.int64)
    chosen = chosen[(order := np.argsort(address[chosen], kind="stable"))]
    zero = _zero_filled(image, symtab.section[rows[chosen]])
    kind = np.where(kind[chosen] < len(KINDS), kind[chosen], np.where(zero, 2, 1)).astype(np.uint8)
    ordered = order.tolist()
    return VariableTable(
        [names[i] for i in ordered],
        [packages[i] for i in ordered],
        address[chosen],
        symtab.size[rows[chosen]],
        kind,
    )


def _package(name: str) -> str:
    """The package of a symbol among Go's variables; "" when it is no variable.

    Symbols of the compiler have a name that no source can have: `p..stmp_1`, `p..dict.F[int]`, `p.f·f`, `go:x`.
    """
    dot = name.find(".", name.rfind("/") + 1)
    if ":" in name or "[" in name or "(" in name or "·" in name or name in _LINKER_MADE:
        return ""
    if dot < 0:  # C that Go linked, a file of assembler, or what runtime/cgo shares with C
        return "runtime/cgo" if name.startswith(("_cgo_", "_crosscall2")) else "C"
    ident = name[dot + 1 :]
    return "" if not ident or "." in ident else name[:dot].replace("%2e", ".")


def _in_variable_section(image: Image, section: npt.NDArray[np.uint16]) -> npt.NDArray[np.bool_]:
    wanted = np.zeros(1 << 16, dtype=np.bool_)
    for index, header in enumerate(image.elf.sections):
        writable = header.flags & (SHF_ALLOC | SHF_WRITE | SHF_TLS) == SHF_ALLOC | SHF_WRITE
        wanted[index] = writable and not header.name.startswith(_NO_VARIABLES)
    out: npt.NDArray[np.bool_] = wanted[section]
    return out


def _zero_filled(image: Image, section: npt.NDArray[np.uint16]) -> npt.NDArray[np.bool_]:
    zero = np.zeros(1 << 16, dtype=np.bool_)
    for index, header in enumerate(image.elf.sections):
        zero[index] = header.kind == SHT_NOBITS
    out: npt.NDArray[np.bool_] = zero[section]
    return out


def largest(table: VariableTable, number: int) -> I64:
    """Rows of the `number` largest variables, the largest first."""
    order = np.argsort(table.size, kind="stable")[::-1]
    return order[:number].astype(np.int64)

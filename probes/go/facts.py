"""What is known of one Go binary: plain facts, no judgement.

Everything here is immutable. Addresses are virtual addresses as the file has them (a PIE starts near 0);
sizes are bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from probes.elf.facts import NativeFacts
from probes.go.buildinfo.facts import BuildFacts
from probes.go.fault import Fault

if TYPE_CHECKING:
    from probes.elf.image import Image
    from probes.elf.symbols import SymbolTable
    from probes.go.integrity import Integrity
    from probes.go.module.moduledata import ModuleData
    from probes.go.table.functions import FuncTable
    from probes.go.types.lazy import TypesOnDemand


SHARED = "shared"
"""The `linkage` of a shared object without any Go in it."""


class TableHealth(Struct, frozen=True):
    """Whether the function table can be believed.

    `start_faults`: checks that the runtime makes at start (`runtime.moduledataverify1`) and that would throw.
    `decode_faults`: line, file or stack tables that decode out of range.
    `symbol_faults`: names, addresses or sizes on which the ELF symbol table and the function table disagree.
    `symbols_compared`: how many symbols that comparison saw (0 in a stripped binary).
    `unverifiable`: why the table cannot be verified at all (obfuscated, a layout newer than we know), or None.
    """

    layout: str
    obfuscated: bool
    unverifiable: str | None
    start_faults: tuple[Fault, ...] = ()
    decode_faults: tuple[Fault, ...] = ()
    symbol_faults: tuple[Fault, ...] = ()
    symbols_compared: int = 0


class BinaryFacts(Struct, frozen=True, eq=False):
    """One Go ELF file.

    `functions` and `module` are None when the table could not be verified; `health.unverifiable` then says why.
    `native` is None when a table of the loader cannot be read; `native_problem` then says why.
    `build` is None when the file carries no readable build information; `build_problem` then says why.
    `linkage` is `exe`, `pie`, `c-shared` or `plugin`, with `-external` after `exe` and `pie` when the C linker linked;
    or `SHARED`.
    `cgo`: whether runtime/cgo is linked in, from the function table, else from the build settings; None when neither tells.
    `initialisers` are the package initialisation functions in the order in which the runtime calls them, None when
    the order cannot be read (Go before 1.21, stripped).
    `types` reads the type descriptors when it is asked to, None without module data.
    `mode`: the file's permission bits, None where it was not read from a file of its own.
    `integrity`: `intact`, `changed` or `unknown`, see `probes.go.integrity`.
    `fips` is the state of the FIPS 140 module: `off`, `on`, `broken` (its sum does not hold), None when not linked in.
    """

    path: str
    size: int
    sha256: str
    arch: str
    os: str
    linkage: str
    go_version: str | None
    build: BuildFacts | None
    build_problem: str | None
    go_build_id: str | None
    gnu_build_id: str | None
    native: NativeFacts | None
    native_problem: str | None
    stripped: bool
    has_dwarf: bool
    cgo: bool | None
    health: TableHealth
    initialisers: tuple[str, ...] | None
    fips: str | None
    functions: FuncTable | None
    module: ModuleData | None
    image: Image
    symtab: SymbolTable | None = None
    types: TypesOnDemand | None = None
    mode: int | None = None
    integrity: Integrity = "unknown"

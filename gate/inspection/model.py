"""What `hotgate inspect` says of one binary, as the dataclasses that both of its formats are rendered from."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

from msgspec import Struct

from gate import __version__
from gate.inspection.embedded_files import EmbeddedPart, embedded_part
from gate.inspection.types import TypePart, type_part
from gate.report.models.base import Section
from gate.report.models.report import BinaryInfo, Tool
from gate.report.sections.comparison import binary_info

if TYPE_CHECKING:
    from collections.abc import Iterable

    from probes.elf.facts import NativeFacts
    from probes.go.buildinfo.facts import BuildFacts
    from probes.go.facts import BinaryFacts
    from probes.go.fault import Fault
    from probes.go.table.functions import FuncTable
    from probes.go.variables.table import VariableTable

LARGEST = 10


class ModuleLine(Struct, frozen=True):
    """A module of the build; `replaced_by` is `path version` or null."""

    path: str
    version: str
    sum: str
    replaced_by: str | None


class BuildPart(Struct, frozen=True):
    """Build information. `godebug` is the effective default of each setting."""

    path: str
    modules: list[ModuleLine]
    godebug: dict[str, str]


class PackageLine(Struct, frozen=True):
    """Functions of one package, and their code in bytes, padding included."""

    package: str
    functions: int
    bytes: int


class FunctionLine(Struct, frozen=True):
    """One function. `address` as the file has it; `bytes` with padding; `args` in bytes, null when Go does not know."""

    name: str
    package: str
    address: int
    bytes: int
    args: int | None
    file: str
    start_line: int


class FunctionPart(Struct, frozen=True):
    """The function table; `entries` is there only when asked for."""

    total: int
    bytes: int
    packages: list[PackageLine]
    entries: Annotated[list[FunctionLine] | None, Section] = None


class FaultLine(Struct, frozen=True):
    """Something that contradicts the format."""

    kind: str
    subject: str
    detail: str


class HealthPart(Struct, frozen=True):
    """Whether the function table can be believed; `symbols_compared` is 0 in a stripped binary."""

    layout: str
    obfuscated: bool
    unverifiable: str | None
    start_faults: list[FaultLine]
    decode_faults: list[FaultLine]
    symbol_faults: list[FaultLine]
    symbols_compared: int


class NativePart(Struct, frozen=True):
    """What the image asks of the host's loader. `versions` are `library version`; TLS sizes in bytes."""

    interpreter: str | None
    needed: list[str]
    versions: list[str]
    tls_size: int | None
    relro: str
    exec_stack: bool
    pie: bool


class VariableLine(Struct, frozen=True):
    """One package variable; `kind` is Go's section of it: `data`, `bss`, and `noptr…` for those without pointers.

    `type` is null where DWARF does not tell.
    """

    name: str
    bytes: int
    kind: str
    type: str | None


class VariablePart(Struct, frozen=True):
    """The package variables that symbols name: how many, their bytes, and the largest.

    `types_problem`: why DWARF does not tell their types.
    """

    total: int
    bytes: int
    largest: list[VariableLine]
    types_problem: str | None


class Inspection(Struct, frozen=True):
    """The facts of one binary. A part without evidence is null; `build_problem` and its like say why."""

    schema_version: str
    tool: Tool
    binary: BinaryInfo
    cgo: bool | None
    fips: str | None
    build: BuildPart | None
    build_problem: str | None
    functions: FunctionPart | None
    health: HealthPart
    native: NativePart | None
    native_problem: str | None
    initialisers: list[str] | None
    types: TypePart | None
    variables: VariablePart | None
    variables_problem: str | None
    embedded: EmbeddedPart | None
    embedded_problem: str | None


def inspect_binary(facts: BinaryFacts, *, functions: bool = False, types: Iterable[str] = ()) -> Inspection:
    """The inspection of `facts`; `functions` lists every function, `types` are those whose layouts are shown.

    Raises:
        ProbeError: one of `types` is not in the file, or its types cannot be read.
    """
    variables, variables_problem = _variables(facts)
    embedded, embedded_problem = embedded_part(facts)
    return Inspection(
        schema_version="1",
        tool=Tool("hotgate", __version__),
        binary=binary_info(facts),
        cgo=facts.cgo,
        fips=facts.fips,
        build=None if facts.build is None else _build(facts.build),
        build_problem=facts.build_problem,
        functions=None if facts.functions is None else _functions(facts.functions, listed=functions),
        health=HealthPart(
            layout=facts.health.layout,
            obfuscated=facts.health.obfuscated,
            unverifiable=facts.health.unverifiable,
            start_faults=_faults(facts.health.start_faults),
            decode_faults=_faults(facts.health.decode_faults),
            symbol_faults=_faults(facts.health.symbol_faults),
            symbols_compared=facts.health.symbols_compared,
        ),
        native=None if facts.native is None else _native(facts.native),
        native_problem=facts.native_problem,
        initialisers=None if facts.initialisers is None else list(facts.initialisers),
        types=type_part(facts, types),
        variables=variables,
        variables_problem=variables_problem,
        embedded=embedded,
        embedded_problem=embedded_problem,
    )


def _variables(facts: BinaryFacts) -> tuple[VariablePart | None, str | None]:
    from probes.errors import MalformedTable
    from probes.go.variables.table import largest, read_variables

    if facts.symtab is None or facts.module is None:
        return None, "no ELF symbol table (stripped)" if facts.symtab is None else "the module data was not found"
    try:
        table = read_variables(facts.image, facts.symtab, facts.module)
    except MalformedTable as exc:
        return None, exc.what
    rows = [int(row) for row in largest(table, LARGEST)]
    types, problem = _variable_types(facts, table, rows)
    lines = [
        VariableLine(each.name, each.size, each.kind, types.get(row))
        for row, each in zip(rows, map(table.variable, rows), strict=True)
    ]
    return VariablePart(len(table), sum(table.size.tolist()), lines, problem), None


def _variable_types(facts: BinaryFacts, table: VariableTable, rows: list[int]) -> tuple[dict[int, str], str | None]:
    """The types of the variables at `rows` where they are known, and why there are none."""
    from probes.errors import MalformedTable

    if not facts.has_dwarf:
        return {}, "the file has no DWARF"
    from probes.go.variables.types import VariableTypes

    try:
        types = VariableTypes(facts, table)
        found = {row: types.shape(row) for row in rows}
    except MalformedTable as exc:
        return {}, exc.what
    return {row: shape.name for row, shape in found.items() if shape is not None}, None


def _build(build: BuildFacts) -> BuildPart:
    modules = [
        ModuleLine(
            module.path,
            module.version,
            module.sum,
            None if module.replace is None else f"{module.replace.path} {module.replace.version}".rstrip(),
        )
        for module in build.deps
    ]
    return BuildPart(path=build.path, modules=modules, godebug=dict(sorted(build.godebug.items())))


def _native(native: NativeFacts) -> NativePart:
    return NativePart(
        interpreter=native.interpreter,
        needed=list(native.needed),
        versions=[f"{each.library} {each.version}" for each in native.versions],
        tls_size=None if native.tls is None else native.tls.size,
        relro=native.relro,
        exec_stack=native.exec_stack,
        pie=native.pie,
    )


def _faults(faults: tuple[Fault, ...]) -> list[FaultLine]:
    return [FaultLine(fault.kind, fault.subject, fault.detail) for fault in faults]


def _functions(table: FuncTable, *, listed: bool) -> FunctionPart:
    names = table.names
    sizes = [int(size) for size in (table.end - table.entry)]
    packages = [table.package(index) for index in range(len(table))]
    numbers = Counter(packages)
    code: Counter[str] = Counter()
    for package, size in zip(packages, sizes, strict=True):
        code[package] += size
    lines = None
    if listed:
        lines = [
            FunctionLine(
                name=names[index],
                package=packages[index],
                address=int(table.entry[index]),
                bytes=sizes[index],
                args=int(table.args[index]) if table.args[index] >= 0 else None,
                file=table.file(index),
                start_line=int(table.start_line[index]),
            )
            for index in range(len(table))
        ]
    ranked = sorted(numbers, key=lambda package: (-code[package], package))
    return FunctionPart(
        total=len(table),
        bytes=sum(sizes),
        packages=[PackageLine(package, numbers[package], code[package]) for package in ranked],
        entries=lines,
    )
